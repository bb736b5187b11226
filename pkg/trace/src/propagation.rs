//! The context that is sent on with calls and messages.

use crate::parent::{TRACEPARENT, TRACESTATE};
use crate::request::with_parent;
use http::{HeaderMap, HeaderValue};
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt};

/// The context of a call that is not sampled and belongs to no caller's trace. Its ids mean nothing: they are the same in
/// every call, so that nothing is made for it, and tell the callee not to decide anew.
const UNSAMPLED: HeaderValue =
    HeaderValue::from_static("00-00000000000000000000000000000001-0000000000000001-00");

/// Returns `traceparent` and `tracestate` of a span.
pub(crate) fn of(context: &SpanContext) -> (HeaderValue, Option<HeaderValue>) {
    let parent = format!("00-{}-{}-{:02x}", context.trace_id(), context.span_id(), context.trace_flags());
    let state = Some(context.trace_state().header()).filter(|state| !state.is_empty());
    values(parent, state)
}

/// Returns `traceparent` and `tracestate` of the current span. If the request is not sampled, those that its caller sent,
/// or a constant.
fn outgoing() -> (HeaderValue, Option<HeaderValue>) {
    let current =
        Context::map_current(|current| current.has_active_span().then(|| of(current.span().span_context())));
    let unsampled = || with_parent(|parent| values(parent.unsampled(), parent.state().map(str::to_owned)));
    current.or_else(unsampled).unwrap_or((UNSAMPLED, None))
}

fn values(parent: String, state: Option<String>) -> (HeaderValue, Option<HeaderValue>) {
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
