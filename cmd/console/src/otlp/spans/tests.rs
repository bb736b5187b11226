//! Tests of converted spans: what is kept, trimmed and refused.

use super::super::attributes::{LEFT_OUT, MAX_ATTRIBUTES, MAX_BYTES};
use super::*;
use crate::time::SECOND;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValueList};
use opentelemetry_proto::tonic::resource::v1::Resource as OtlpResource;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

const NOW: u64 = 1_800_000_000 * SECOND;

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn text(value: &str) -> Value {
    Value::StringValue(value.to_owned())
}

fn valid() -> otlp::Span {
    otlp::Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        parent_span_id: vec![3; 8],
        name: "GET /v1/movies/{id}".to_owned(),
        kind: SpanKind::Server as i32,
        start_time_unix_nano: NOW - 2 * SECOND,
        end_time_unix_nano: NOW - SECOND,
        attributes: vec![attribute("http.response.status_code", Value::IntValue(200))],
        ..otlp::Span::default()
    }
}

fn converted(span: otlp::Span) -> Option<Span> {
    let resource = OtlpResource {
        attributes: vec![
            attribute("service.name", text("movie")),
            attribute("service.instance.id", text("movie-1")),
        ],
        ..OtlpResource::default()
    };
    let scope_spans = vec![otlp::ScopeSpans { spans: vec![span], ..otlp::ScopeSpans::default() }];
    let spans = otlp::ResourceSpans { resource: Some(resource), scope_spans, schema_url: String::new() };
    let (mut spans, refused) = convert(vec![spans], NOW);
    assert_eq!(spans.len() as u64 + refused, 1);
    spans.pop()
}

fn attributes(span: &Span) -> Json {
    serde_json::from_str(span.attributes.get()).unwrap()
}

#[test]
fn span_keeps_what_the_page_shows() {
    let span = converted(valid()).unwrap();
    assert_eq!((&*span.resource.service, span.resource.instance.as_deref()), ("movie", Some("movie-1")));
    assert_eq!((span.kind, span.status, span.error), (Kind::Server, Some(200), false));
    assert_eq!(span.parent, Some(u64::from_be_bytes([3; 8])));
    assert_eq!(span.end - span.start, SECOND);
    assert_eq!(attributes(&span), json!({"http.response.status_code": "200"}));
}

#[test]
fn span_without_valid_ids_or_with_time_far_off_is_refused() {
    for (what, change) in [
        ("trace id of 15 bytes", (|span| span.trace_id = vec![1; 15]) as fn(&mut otlp::Span)),
        ("trace id of 17 bytes", |span| span.trace_id = vec![1; 17]),
        ("no trace id", |span| span.trace_id = Vec::new()),
        ("zero trace id", |span| span.trace_id = vec![0; 16]),
        ("span id of 7 bytes", |span| span.span_id = vec![1; 7]),
        ("huge span id", |span| span.span_id = vec![1; 100_000]),
        ("zero span id", |span| span.span_id = vec![0; 8]),
        ("no start", |span| span.start_time_unix_nano = 0),
        ("no end", |span| span.end_time_unix_nano = 0),
        ("start long ago", |span| span.start_time_unix_nano = NOW - 48 * 3600 * SECOND),
        ("end in the future", |span| span.end_time_unix_nano = NOW + 2 * 3600 * SECOND),
        ("greatest time", |span| span.end_time_unix_nano = u64::MAX),
    ] {
        let mut span = valid();
        change(&mut span);
        assert!(converted(span).is_none(), "{what}");
    }
}

#[test]
fn span_with_minor_faults_is_trimmed() {
    let mut span = valid();
    std::mem::swap(&mut span.start_time_unix_nano, &mut span.end_time_unix_nano);
    let (start, reversed) = (span.start_time_unix_nano, converted(span).unwrap());
    assert_eq!((reversed.start, reversed.end), (start, start));
    for parent in [vec![], vec![0; 8], vec![1; 3], valid().span_id] {
        let span = otlp::Span { parent_span_id: parent.clone(), ..valid() };
        assert_eq!(converted(span).unwrap().parent, None, "{parent:?}");
    }
    assert_eq!(converted(otlp::Span { kind: 99, ..valid() }).unwrap().kind, Kind::Internal);
    let link = |trace: usize, span| otlp::span::Link {
        trace_id: vec![1; trace],
        span_id: vec![1; span],
        ..otlp::span::Link::default()
    };
    let links = converted(otlp::Span { links: vec![link(16, 8), link(15, 8), link(16, 0)], ..valid() })
        .unwrap()
        .links;
    assert_eq!(links.len(), 1);
}

#[test]
fn span_with_ten_thousand_attributes_is_trimmed() {
    let many = (0..10_000).map(|n| attribute(&format!("key.{n}"), text(&"x".repeat(100)))).collect();
    let span = converted(otlp::Span { attributes: many, ..valid() }).unwrap();
    let shown = attributes(&span);
    let shown = shown.as_object().unwrap();
    assert!(shown.len() <= MAX_ATTRIBUTES + 1 && span.size() < 2 * MAX_BYTES);
    assert_eq!(shown[LEFT_OUT], (10_000 - (shown.len() - 1)).to_string());
}

#[test]
fn huge_texts_lists_and_nesting_are_shortened() {
    let long = "é".repeat(1 << 20);
    let mut deep = text("x");
    for _ in 0..90 {
        deep = Value::ArrayValue(ArrayValue { values: vec![AnyValue { value: Some(deep) }; 2] });
        if let Value::ArrayValue(array) = &mut deep {
            array.values.truncate(1);
        }
    }
    let wide = ArrayValue { values: vec![AnyValue { value: Some(Value::IntValue(1)) }; 100_000] };
    let list = KeyValueList { values: vec![attribute(&long, Value::BytesValue(vec![7; 1 << 20]))] };
    let event = |_| otlp::span::Event {
        name: long.clone(),
        time_unix_nano: u64::MAX,
        attributes: vec![attribute("exception.stacktrace", text(&long)); 9],
        ..otlp::span::Event::default()
    };
    let span = otlp::Span {
        name: long.clone(),
        attributes: vec![
            attribute(&long, text(&long)),
            attribute("deep", deep),
            attribute("wide", Value::ArrayValue(wide)),
            attribute("list", Value::KvlistValue(list)),
            KeyValue { key: "none".to_owned(), ..KeyValue::default() },
        ],
        events: (0..100).map(event).collect(),
        links: vec![
            otlp::span::Link {
                trace_id: vec![1; 16],
                span_id: vec![1; 8],
                ..otlp::span::Link::default()
            };
            10_000
        ],
        status: Some(otlp::Status { message: long.clone(), code: 2 }),
        ..valid()
    };
    let span = converted(span).unwrap();
    assert!(span.size() < 100_000, "{}", span.size());
    assert!(span.error && span.links.len() == MAX_LINKS);
    let events: Json = serde_json::from_str(span.events.get()).unwrap();
    assert!(!events.as_array().unwrap().is_empty());
    assert!(attributes(&span)["deep"].as_str().unwrap().starts_with("[[["));
}

#[test]
fn values_of_every_type_become_texts() {
    let list = vec![attribute("k", text("v"))];
    let array =
        ArrayValue { values: vec![AnyValue { value: Some(Value::IntValue(1)) }, AnyValue { value: None }] };
    for (value, expected) in [
        (text("a\"b"), "a\"b"),
        (Value::BoolValue(true), "true"),
        (Value::IntValue(-1), "-1"),
        (Value::DoubleValue(f64::NAN), "NaN"),
        (Value::BytesValue(vec![1, 255]), "01ff"),
        (Value::ArrayValue(array), "[1, null]"),
        (Value::KvlistValue(KeyValueList { values: list }), "{k: \"v\"}"),
    ] {
        let span = converted(otlp::Span { attributes: vec![attribute("a", value)], ..valid() }).unwrap();
        assert_eq!(attributes(&span)["a"], expected);
    }
}

#[test]
fn status_code_is_that_of_http_or_grpc() {
    for (name, value, expected) in [
        ("http.response.status_code", Value::IntValue(404), Some(404)),
        ("rpc.grpc.status_code", Value::IntValue(14), Some(14)),
        ("rpc.grpc.status_code", text("5"), Some(5)),
        ("http.response.status_code", Value::IntValue(-1), None),
        ("http.response.status_code", Value::IntValue(i64::MAX), None),
        ("other", Value::IntValue(1), None),
    ] {
        assert_eq!(status_code(&[attribute(name, value)]), expected);
    }
}

proptest! {
    #[test]
    fn any_span_is_stored_or_refused(
        trace_id in prop::collection::vec(any::<u8>(), 0..20),
        span_id in prop::collection::vec(any::<u8>(), 0..12),
        times in any::<(u64, u64)>(),
        name in ".{0,400}",
        kind in any::<i32>(),
        attribute_key in ".{0,200}",
    ) {
        let span = otlp::Span {
            trace_id,
            span_id,
            name: name.clone(),
            kind,
            start_time_unix_nano: times.0 % (NOW * 2),
            end_time_unix_nano: times.1 % (NOW * 2),
            attributes: vec![attribute(&attribute_key, text(&name))],
            ..otlp::Span::default()
        };
        if let Some(span) = converted(span) {
            prop_assert!(span.start <= span.end);
            prop_assert!(attributes(&span).is_object());
        }
    }
}
