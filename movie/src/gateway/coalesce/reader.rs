//! What a batch must know of the request of a read.

use trace::{Origin, RequestId, Span};

/// The request of a read that is sampled or has an id.
#[derive(Debug)]
pub(super) struct Reader {
    /// The span of the read, if it is sampled.
    pub(super) read: Origin,
    pub(super) request_id: Option<RequestId>,
}

impl Reader {
    /// Returns the reader in the current request; nothing if that is not sampled and has no id.
    pub(super) fn current(read: &Span) -> Option<Box<Self>> {
        let is_sampled = read.is_recording();
        let request_id = if is_sampled { trace::request_id() } else { trace::known_request_id() };
        let is_needed = is_sampled || request_id.is_some();
        is_needed.then(|| Box::new(Self { read: read.origin(), request_id }))
    }
}
