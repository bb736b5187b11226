//! The span of an attempt: at which instance, why, and how it ended.

use discovery::Instance;
use trace::{Span, SpanKind};

/// Why a call is sent to an instance.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reason {
    /// It is the first one.
    First,
    /// Another instance failed or was silent.
    Retry,
    /// Another instance is slow.
    Hedge,
}

impl Reason {
    const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Retry => "retry",
            Self::Hedge => "hedge",
        }
    }
}

/// Starts the span of an attempt, the `number`th of its call; nothing if the caller's request is not sampled. The caller
/// names it.
pub(super) fn start(instance: &Instance, number: usize, reason: Reason) -> Span {
    let span = trace::span("call", SpanKind::Client);
    if span.is_recording() {
        span.set("server.address", instance.host.clone());
        span.set("server.port", i64::from(instance.port));
        span.set("marquee.instance.id", instance.id.clone());
        span.set("marquee.attempt", i64::try_from(number).unwrap_or(i64::MAX));
        span.set("marquee.attempt.reason", reason.name());
    }
    span
}

/// Ends the span of an attempt with an outcome. All but `ok` and `application` are failures.
pub(super) fn end(span: Span, outcome: &'static str) {
    span.set("marquee.attempt.outcome", outcome);
    if !matches!(outcome, "ok" | "application") {
        span.set("error.type", outcome);
        // The caller's description, if there is one, replaces the empty one.
        span.fail("");
    }
}
