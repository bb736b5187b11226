//! The identity of the request that a task serves: its `x-request-id`, and the trace context that its caller sent.

use crate::parent::Parent;
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue};
use std::cell::OnceCell;
use std::fmt;

/// The header of a request's id.
pub static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The maximum length of an id that a caller gives, in bytes.
const MAX_ID: usize = 128;

tokio::task_local! {
    static CURRENT: RequestScope;
}

/// What is known of a request while it is served. It is kept in the task, without an allocation.
#[derive(Debug, Default)]
pub struct RequestScope {
    id: OnceCell<RequestId>,
    parent: Option<Parent>,
}

/// A request's id: the caller's, or one made here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestId {
    /// Given by the caller, 1 to 128 visible ASCII characters.
    Given(HeaderValue),
    /// Made here, 128 random bits.
    Made(u128),
}

impl RequestScope {
    /// Reads the headers of a request. An id that is not well-formed is ignored.
    #[must_use]
    pub fn new(headers: &HeaderMap, parent: Option<Parent>) -> Self {
        let id = headers.get(&REQUEST_ID).filter(|id| is_well_formed(id)).cloned();
        Self { id: id.map(RequestId::Given).map_or_else(OnceCell::new, OnceCell::from), parent }
    }

    /// Returns the scope of work that another task does for the request with this id.
    #[must_use]
    pub fn of(id: RequestId) -> Self {
        Self { id: OnceCell::from(id), parent: None }
    }

    /// Makes this the request of the current task while `serve` is polled.
    pub fn run<F: Future>(self, serve: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, serve)
    }

    /// Makes this the current request while `call` runs.
    pub fn enter<T>(self, call: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, call)
    }
}

impl RequestId {
    fn random() -> Self {
        Self::Made(rand::random())
    }

    /// Returns the value of the header.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        match self {
            Self::Given(id) => id.clone(),
            // Hexadecimal digits are a valid value.
            Self::Made(_) => {
                HeaderValue::from_str(&self.to_string()).unwrap_or(HeaderValue::from_static("0"))
            }
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(id) => f.write_str(id.to_str().unwrap_or_default()),
            Self::Made(id) => write!(f, "{id:032x}"),
        }
    }
}

fn is_well_formed(id: &HeaderValue) -> bool {
    (1..=MAX_ID).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
}

/// Returns the id of the request that the current task serves, and makes one if it has none. `None` outside a request.
#[must_use]
pub fn request_id() -> Option<RequestId> {
    CURRENT.try_with(|request| request.id.get_or_init(RequestId::random).clone()).ok()
}

/// Returns the id of the current request, unless it has none yet.
#[must_use]
pub fn known_request_id() -> Option<RequestId> {
    CURRENT.try_with(|request| request.id.get().cloned()).ok().flatten()
}

/// Calls `read` with the trace context that the caller of the current request sent.
pub(crate) fn with_parent<T>(read: impl FnOnce(&Parent) -> T) -> Option<T> {
    CURRENT.try_with(|request| request.parent.as_ref().map(read)).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(id: &'static [u8]) -> RequestScope {
        let id = HeaderValue::from_bytes(id).unwrap();
        RequestScope::new(&HeaderMap::from_iter([(REQUEST_ID.clone(), id)]), None)
    }

    #[tokio::test]
    async fn given_id_is_kept_and_another_made_once() {
        assert_eq!(request_id(), None);
        let id = scope(b"a-1_b:c").run(async { request_id() }).await.unwrap();
        assert_eq!(
            (id.to_string(), id.header()),
            ("a-1_b:c".to_owned(), HeaderValue::from_static("a-1_b:c"))
        );
        RequestScope::default()
            .run(async {
                assert_eq!(known_request_id(), None);
                let made = request_id().unwrap();
                assert_eq!(made.header().len(), 32);
                tokio::task::yield_now().await;
                assert_eq!((request_id(), known_request_id()), (Some(made.clone()), Some(made)));
            })
            .await;
    }

    #[tokio::test]
    async fn malformed_id_is_replaced() {
        let long: &[u8] = vec![b'x'; MAX_ID + 1].leak();
        for given in [&b""[..], b"a b", b"\xc3\xa9", b"a\tb", long] {
            let id = scope(given).run(async { request_id() }).await;
            assert!(matches!(id, Some(RequestId::Made(_))), "{given:?}");
        }
    }
}
