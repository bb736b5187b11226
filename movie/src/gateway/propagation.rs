//! The headers that identify the request for which a backend service is called.

use http::HeaderMap;
use trace::{REQUEST_ID, Tracer};

/// Sets the headers of a call: the trace context, with the current span as the parent, and the id of the request, unless
/// the call is made for several. A request that is not sampled has an id only if its caller gave one.
pub(super) fn propagate(tracer: &Tracer, headers: &mut HeaderMap) {
    tracer.inject(headers);
    let is_sampled = trace::current_ids().is_some();
    let id = if is_sampled { trace::request_id() } else { trace::known_request_id() };
    if let Some(id) = id {
        headers.insert(&REQUEST_ID, id.header());
    }
}
