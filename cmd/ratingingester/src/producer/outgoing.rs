//! A record on its way to the send queue: its headers, and its span if it is sampled.

use super::message::Message;
use http::HeaderValue;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{Header, OwnedHeaders};
use trace::{Parent, Span, SpanKind, Tracer};

/// A record to send. Its span ends when this is dropped.
#[derive(Debug)]
pub struct Outgoing<'a> {
    message: Message<'a>,
    sampled: Option<Box<Sampled>>,
}

#[derive(Debug)]
struct Sampled {
    span: Span,
    traceparent: HeaderValue,
    tracestate: Option<HeaderValue>,
}

impl<'a> Outgoing<'a> {
    pub(super) fn new(message: Message<'a>, tracer: &Tracer, topic: &str) -> Self {
        let sampled = tracer.is_enabled().then(|| Sampled::of(&message, tracer, topic)).flatten();
        Self { message, sampled: sampled.map(Box::new) }
    }

    pub(super) const fn message(&self) -> &Message<'a> {
        &self.message
    }

    /// Returns the headers; `None` if there are none.
    pub(super) fn headers(&self) -> Option<OwnedHeaders> {
        let Message { content_type, traceparent, tracestate, .. } = self.message;
        let (traceparent, tracestate) = match &self.sampled {
            Some(sampled) => {
                let state = sampled.tracestate.as_ref().map(HeaderValue::as_bytes);
                (Some(sampled.traceparent.as_bytes()), state)
            }
            None => (traceparent, tracestate),
        };
        let all = [("content-type", content_type), ("traceparent", traceparent), ("tracestate", tracestate)];
        let mut present = all.into_iter().filter(|(_, value)| value.is_some()).peekable();
        present.peek()?;
        Some(present.fold(OwnedHeaders::new(), |headers, (key, value)| headers.insert(Header { key, value })))
    }

    /// Records that the send queue does not accept the record.
    pub(super) fn refused(&self, code: RDKafkaErrorCode) {
        if let Some(Sampled { span, .. }) = self.sampled.as_deref() {
            span.set("error.type", code.to_string());
            span.fail(code.to_string());
        }
    }
}

/// Sends a record without a span of its own.
impl<'a> From<Message<'a>> for Outgoing<'a> {
    fn from(message: Message<'a>) -> Self {
        Self { message, sampled: None }
    }
}

impl Sampled {
    fn of(message: &Message<'_>, tracer: &Tracer, topic: &str) -> Option<Self> {
        let parent = message.traceparent.and_then(|text| Parent::parse(text, message.tracestate.into_iter()));
        let span = tracer.enter_message("send", SpanKind::Producer, parent.as_ref());
        let (traceparent, tracestate) = span.message_context()?;
        span.rename(|| format!("send {topic}"));
        span.set("messaging.system", "kafka");
        span.set("messaging.destination.name", topic.to_owned());
        span.set("messaging.operation.type", "send");
        span.set("messaging.operation.name", "send");
        if let Some(key) = message.key {
            span.set("messaging.kafka.message.key", String::from_utf8_lossy(key).into_owned());
        }
        Some(Self { span, traceparent, tracestate })
    }
}
