//! The requests to Consul, independent of the HTTP client, and the meaning of its responses.

use crate::registry::{Error, Instance};
use async_trait::async_trait;
use fault::Kind;
use serde::de::IgnoredAny;
use std::time::Duration;
use tokio::time::timeout;

/// The time limit of a write: shorter than that of a registration's calls, so that the delay is recorded here.
pub(crate) const WRITE: Duration = Duration::from_millis(1500);

/// The time since a server's last contact to its leader after which its response counts as stale.
const LAST_CONTACT: Duration = Duration::from_secs(5);

/// The maximum length of a stored error text, in characters.
const ERROR_TEXT: usize = 300;

/// A transport to Consul. The caller limits the time of each request.
#[async_trait]
pub(crate) trait Ask: Send + Sync + 'static {
    /// Registers `instance` with its TTL check.
    async fn register(&self, instance: &Instance) -> Result<Answer, Error>;

    /// Reports `check` as passing.
    async fn pass(&self, check: &str) -> Result<Answer, Error>;

    /// Deregisters the instance `id`.
    async fn deregister(&self, id: &str) -> Result<Answer, Error>;

    /// Returns the passing instances of `service` as soon as their index is not `index`, or after `wait`.
    async fn passing(&self, service: &str, index: u64, wait: Duration) -> Result<Answer, Error>;
}

/// Waits for a response at most for `limit`.
pub(crate) async fn within(
    limit: Duration,
    question: impl Future<Output = Result<Answer, Error>>,
) -> Result<Answer, Error> {
    let late = |_| Err(Error::new(Kind::Timeout, format!("consul did not respond within {limit:?}")));
    timeout(limit, question).await.unwrap_or_else(late)
}

/// A response of Consul.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The cursor of an indexed read.
    pub(crate) index: Option<u64>,
    /// Whether rows are missing because the ACL token has no permission to read them.
    pub(crate) filtered: bool,
    /// Whether the server has no leader, or no recent contact to it, so that its view may be old.
    pub(crate) stale: bool,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Creates a response with these headers, by lower-case name. The streaming backend does not know the leader,
    /// which it reports like a missing one.
    pub(crate) fn new<'h>(
        status: u16,
        header: impl Fn(&'static str) -> Option<&'h str>,
        body: Vec<u8>,
    ) -> Self {
        let leaderless = header("x-consul-knownleader") == Some("false")
            && header("x-consul-query-backend") != Some("streaming");
        let last_contact = header("x-consul-lastcontact").and_then(|millis| millis.parse().ok());
        Self {
            status,
            index: header("x-consul-index").and_then(|index| index.parse().ok()),
            filtered: header("x-consul-results-filtered-by-acls") == Some("true"),
            stale: leaderless || last_contact.is_some_and(|ago| Duration::from_millis(ago) > LAST_CONTACT),
            body,
        }
    }

    /// Returns the body of a response with status 200, otherwise the error.
    pub(crate) fn success(self) -> Result<Vec<u8>, Error> {
        let kind = match self.status {
            200 => return Ok(self.body),
            400 => Kind::InvalidArgument,
            401 => Kind::Unauthenticated,
            403 => Kind::PermissionDenied,
            404 => Kind::NotFound,
            429 => Kind::RateLimited,
            500.. => Kind::Unavailable,
            _ => Kind::Internal,
        };
        let text: String = String::from_utf8_lossy(&self.body).trim().chars().take(ERROR_TEXT).collect();
        Err(Error::new(kind, format!("consul returned {}: {text}", self.status)))
    }

    /// Returns the error, if any, of a write. Consul's body is empty on success, or JSON; any other text comes from a
    /// proxy that did not forward the write.
    pub(crate) fn written(self) -> Result<(), Error> {
        let body = self.success()?;
        if body.is_empty() || jsontext::from_slice::<IgnoredAny>(&body).is_ok() {
            Ok(())
        } else {
            Err(Error::new(Kind::Internal, "the response to a write does not come from consul"))
        }
    }

    /// Like [`Self::written`] for a write to something that Consul may have lost: 404, or before 1.11.2
    /// a 500 whose text begins with `unknown`.
    pub(crate) fn forgotten_as_not_found(self, unknown: &str) -> Result<(), Error> {
        let old = self.status == 500 && self.body.starts_with(unknown.as_bytes());
        match self.written() {
            Err(error) if old => Err(Error::new(Kind::NotFound, error.to_string())),
            other => other,
        }
    }
}
