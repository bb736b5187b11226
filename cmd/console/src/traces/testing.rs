//! Spans for tests.

use super::span::{Kind, Link, Resource, Span};
use serde_json::value::RawValue;
use std::sync::Arc;

/// Returns a server span of `service` that takes a millisecond.
pub(crate) fn span(trace: u128, id: u64, parent: Option<u64>, service: &str, start: u64) -> Span {
    Span {
        trace,
        id,
        parent,
        resource: Arc::new(Resource { service: service.into(), instance: None }),
        name: "GET /v1/movies/{id}".into(),
        kind: Kind::Server,
        start,
        end: start + 1_000_000,
        error: false,
        status: Some(200),
        message: None,
        attributes: RawValue::from_string(r#"{"url.path":"/v1/movies/1"}"#.to_owned()).unwrap(),
        events: RawValue::from_string("[]".to_owned()).unwrap(),
        links: Box::default(),
    }
}

/// Adds a link.
pub(crate) fn linked(mut span: Span, trace: u128, to: u64) -> Span {
    span.links = span.links.iter().copied().chain([Link { trace, span: to }]).collect();
    span
}
