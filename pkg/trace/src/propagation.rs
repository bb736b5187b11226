//! The context that is sent on with calls and messages.

use crate::parent::{TRACEPARENT, TRACESTATE};
use crate::request::with_parent;
use http::{HeaderMap, HeaderValue};
use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;

/// The context of a call that is not sampled and belongs to no caller's trace. Its ids mean nothing: they are the same in
/// every call, so that nothing is made for it, and tell the callee not to decide anew.
const UNSAMPLED: HeaderValue =
    HeaderValue::from_static("00-00000000000000000000000000000001-0000000000000001-00");

/// Returns `traceparent` and `tracestate` of the current span. If the request is not sampled, those that its caller sent,
/// or a constant.
pub(crate) fn outgoing() -> (HeaderValue, Option<HeaderValue>) {
    let current = Context::map_current(|current| {
        let span = current.has_active_span().then(|| current.span())?;
        let context = span.span_context();
        let parent = format!("00-{}-{}-{:02x}", context.trace_id(), context.span_id(), context.trace_flags());
        Some((parent, Some(context.trace_state().header()).filter(|state| !state.is_empty())))
    });
    let unsampled = || with_parent(|parent| (parent.unsampled(), parent.state().map(str::to_owned)));
    let Some((parent, state)) = current.or_else(unsampled) else { return (UNSAMPLED, None) };
    let value = |text: String| HeaderValue::try_from(text).ok();
    (value(parent).unwrap_or(UNSAMPLED), state.and_then(value))
}

/// Sets the headers of a call.
pub(crate) fn inject(headers: &mut HeaderMap) {
    let (parent, state) = outgoing();
    headers.insert(&TRACEPARENT, parent);
    if let Some(state) = state {
        headers.insert(&TRACESTATE, state);
    }
}
