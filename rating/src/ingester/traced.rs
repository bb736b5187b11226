//! The spans of events whose producer has sampled them, from their arrival to the commit of their batch.

use rdkafka::Message;
use rdkafka::message::BorrowedMessage;
use std::ops::Range;
use std::sync::Arc;
use trace::{Parent, Span, SpanKind, Tracer};

/// The maximum length of a `tracestate` that is passed on, in bytes: the length that every participant should accept.
const MAX_STATE: usize = 512;

/// Starts the spans of events; clones share the topic and group.
#[derive(Clone, Debug)]
pub(super) struct Tracing {
    tracer: Tracer,
    topic: Arc<str>,
    group: Arc<str>,
}

/// The headers of a record about its trace, well-formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TraceHeaders<'a> {
    pub(super) traceparent: &'a [u8],
    pub(super) tracestate: Option<&'a [u8]>,
}

/// What a chunk keeps of a record with a trace: where the headers are among its bytes, and the span if it is sampled.
#[derive(Debug)]
pub(super) struct Traced {
    pub(super) traceparent: Range<usize>,
    pub(super) tracestate: Option<Range<usize>>,
    pub(super) span: Span,
}

impl<'a> TraceHeaders<'a> {
    /// Returns the headers; `None` if `traceparent` is malformed. A `tracestate` that is too long is left out.
    pub(super) fn of(traceparent: &'a [u8], tracestate: Option<&'a [u8]>) -> Option<Self> {
        Parent::parse(traceparent, std::iter::empty())?;
        Some(Self { traceparent, tracestate: tracestate.filter(|state| state.len() <= MAX_STATE) })
    }

    /// Returns the number of bytes of both values.
    pub(super) fn len(&self) -> usize {
        self.traceparent.len() + self.tracestate.map_or(0, <[u8]>::len)
    }
}

impl Tracing {
    pub(super) fn new(tracer: Tracer, topic: &str, group: &str) -> Self {
        Self { tracer, topic: topic.into(), group: group.into() }
    }

    /// Starts the span of `message`; nothing if it is not sampled.
    pub(super) fn process(&self, message: &BorrowedMessage<'_>, headers: TraceHeaders<'_>) -> Span {
        if !self.tracer.is_enabled() {
            return Span::none();
        }
        let parent = Parent::parse(headers.traceparent, headers.tracestate.into_iter());
        let span = self.tracer.enter_message("process", SpanKind::Consumer, parent.as_ref());
        if span.is_recording() {
            describe(&span, "process", &self.topic);
            span.set("messaging.consumer.group.name", Arc::clone(&self.group));
            span.set("messaging.destination.partition.id", message.partition().to_string());
            span.set("messaging.kafka.offset", message.offset());
        }
        span
    }
}

/// Describes an `operation` on `topic` by OpenTelemetry's semantic conventions for messaging.
pub(super) fn describe(span: &Span, operation: &'static str, topic: &str) {
    span.rename(|| format!("{operation} {topic}"));
    span.set("messaging.system", "kafka");
    span.set("messaging.destination.name", topic.to_owned());
    span.set("messaging.operation.type", operation);
    span.set("messaging.operation.name", operation);
}

/// Starts the span of work on all records of a chunk at once: a child of the first sampled one, linked with the others.
pub(super) fn join(all: &[Traced], name: &'static str, records: usize) -> Span {
    let mut spans = all.iter().map(|traced| &traced.span).filter(|span| span.is_recording());
    let Some(first) = spans.next() else { return Span::none() };
    let work = first.child(name, SpanKind::Internal);
    for other in spans {
        work.link(other.context());
        other.link(work.context());
    }
    work.set("marquee.batch.size", i64::try_from(records).unwrap_or(i64::MAX));
    work
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_headers_are_ignored_and_long_state_is_left_out() {
        let parent = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let long = vec![b'a'; MAX_STATE + 1];
        let headers = TraceHeaders::of(parent, Some(b"a=1")).unwrap();
        assert_eq!((headers.traceparent, headers.tracestate), (&parent[..], Some(&b"a=1"[..])));
        assert_eq!(TraceHeaders::of(parent, Some(&long)).unwrap().tracestate, None);
        for malformed in [&b""[..], b"\xff", b"00", &parent[1..], &[&parent[..], b"-x"].concat()] {
            assert_eq!(TraceHeaders::of(malformed, None), None, "{}", malformed.escape_ascii());
        }
    }
}
