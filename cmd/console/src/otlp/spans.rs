//! Spans of OTLP, trimmed to the limits of the store. A span without valid ids or with a time far off is refused.

use super::attributes::{Attributes, raw};
use super::resource::{resource, span_id, timely, trace_id};
use crate::text::shortened;
use crate::traces::span::{Kind, Link, Resource, Span};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1 as otlp;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use std::sync::Arc;

/// The maximum numbers of events and of links of a span.
const MAX_EVENTS: usize = 16;
const MAX_LINKS: usize = 128;

/// The maximum sizes of a name and of a message, in bytes.
const MAX_NAME: usize = 256;
const MAX_MESSAGE: usize = 1024;

/// The maximum size of the events of a span, in bytes; one of the greatest length may exceed it.
const MAX_EVENT_BYTES: usize = 16 * 1024;

/// Converts the spans that arrived at `now`, and returns how many were refused.
pub(super) fn convert(resource_spans: Vec<otlp::ResourceSpans>, now: u64) -> (Vec<Span>, u64) {
    let (mut spans, mut refused) = (Vec::new(), 0);
    for otlp::ResourceSpans { resource: sender, scope_spans, .. } in resource_spans {
        let sender = Arc::new(resource(sender.as_ref()));
        for span in scope_spans.into_iter().flat_map(|scope| scope.spans) {
            match span_of(&span, &sender, now) {
                Some(span) => spans.push(span),
                None => refused += 1,
            }
        }
    }
    (spans, refused)
}

fn span_of(span: &otlp::Span, resource: &Arc<Resource>, now: u64) -> Option<Span> {
    let (trace, id) = (trace_id(&span.trace_id)?, span_id(&span.span_id)?);
    let start = timely(span.start_time_unix_nano, now)?;
    let end = timely(span.end_time_unix_nano, now)?.max(start);
    let parent = match span.parent_span_id.as_slice() {
        [] => None,
        bytes => span_id(bytes).filter(|parent| *parent != id),
    };
    let status = span.status.as_ref();
    let link = |link: &otlp::span::Link| {
        Some(Link { trace: trace_id(&link.trace_id)?, span: span_id(&link.span_id)? })
    };
    Some(Span {
        trace,
        id,
        parent,
        resource: Arc::clone(resource),
        name: shortened(&span.name, MAX_NAME).into(),
        kind: kind(span.kind),
        start,
        end,
        error: status.is_some_and(|status| status.code == StatusCode::Error as i32),
        status: status_code(&span.attributes),
        message: status
            .filter(|status| !status.message.is_empty())
            .map(|status| shortened(&status.message, MAX_MESSAGE).into()),
        attributes: Attributes::new(span.dropped_attributes_count).add_all(&span.attributes).json(),
        events: raw(events(&span.events)),
        links: span.links.iter().filter_map(link).take(MAX_LINKS).collect(),
    })
}

fn kind(kind: i32) -> Kind {
    match SpanKind::try_from(kind) {
        Ok(SpanKind::Server) => Kind::Server,
        Ok(SpanKind::Client) => Kind::Client,
        Ok(SpanKind::Producer) => Kind::Producer,
        Ok(SpanKind::Consumer) => Kind::Consumer,
        Ok(SpanKind::Internal | SpanKind::Unspecified) | Err(_) => Kind::Internal,
    }
}

/// Returns the status of an HTTP response, or the code of a gRPC response.
fn status_code(attributes: &[KeyValue]) -> Option<u16> {
    let value = |name: &str| {
        attributes.iter().find(|attribute| attribute.key == name)?.value.as_ref()?.value.as_ref()
    };
    let value = value("http.response.status_code").or_else(|| value("rpc.grpc.status_code"))?;
    match value {
        Value::IntValue(code) => u16::try_from(*code).ok(),
        Value::StringValue(code) => code.parse().ok(),
        _ => None,
    }
}

fn events(events: &[otlp::span::Event]) -> String {
    let mut json = "[".to_owned();
    for event in events.iter().take(MAX_EVENTS) {
        if json.len() > MAX_EVENT_BYTES {
            break;
        }
        if json.len() > 1 {
            json.push(',');
        }
        let name = serde_json::to_string(shortened(&event.name, MAX_NAME)).unwrap_or_default();
        let time = crate::time::time_ms(event.time_unix_nano);
        let attributes = Attributes::new(event.dropped_attributes_count).add_all(&event.attributes).text();
        json.push_str(&format!(r#"{{"timeMs":{time},"name":{name},"attributes":{attributes}}}"#));
    }
    json.push(']');
    json
}

#[cfg(test)]
mod tests;
