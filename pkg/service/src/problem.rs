//! Failures as REST responses: RFC 9457 problem details.

use crate::table;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use fault::{Fault, Invalid, Kind, Violation};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;
use utoipa::ToSchema;

/// The `detail` of the problem for an unknown path. Its `code` is that of a missing record, so that only this text
/// distinguishes the two for a calling service, which may be of an older version.
pub const UNKNOWN_PATH: &str = "there is nothing at this path";

/// The content type of a problem.
pub(crate) const CONTENT_TYPE: &str = "application/problem+json";

/// The logged cause of a timeout.
pub(crate) const LATE: &str = "the handler exceeded its time limit";

/// The response to a failed REST request.
///
/// An error caused by the caller shows its text and names the fields; any other shows a fixed text, and the server
/// logs its causes once, with the request's path. The server also sets `instance`.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    errors: Vec<Violation>,
    cause: Option<String>,
    /// The content codings that the response's `Accept-Encoding` lists.
    accept_encoding: Option<&'static str>,
}

impl Problem {
    /// Creates a problem for an invalid `field`, spelled as in the request; `reason` states the rule.
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        let violation = Violation::new(field, reason);
        Self { errors: vec![violation.clone()], ..Self::of(Kind::InvalidArgument, violation.to_string()) }
    }

    /// Creates a failure of `kind` that shows `detail` to the caller.
    pub fn of(kind: Kind, detail: impl Into<String>) -> Self {
        Self::http(table::http_status(kind), kind.code(), detail)
    }

    /// Returns the problem's HTTP status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self::http(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "method not allowed on this path")
    }

    pub(crate) fn payload_too_large(limit: usize) -> Self {
        let detail = format!("the body must be at most {limit} bytes long");
        Self::http(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLarge", detail)
    }

    pub(crate) fn uri_too_long(limit: usize) -> Self {
        let detail = format!("the request line must be at most {limit} bytes long");
        Self { status: StatusCode::URI_TOO_LONG, ..Self::of(Kind::InvalidArgument, detail) }
    }

    pub(crate) fn unsupported_media_type(detail: impl Into<String>) -> Self {
        Self::http(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", detail)
    }

    pub(crate) fn unsupported_content_coding() -> Self {
        let detail = "the body's content coding must be identity";
        Self { accept_encoding: Some("identity"), ..Self::unsupported_media_type(detail) }
    }

    pub(crate) fn unsupported_transfer_coding() -> Self {
        let detail = "the body's transfer coding must be chunked";
        Self::http(StatusCode::NOT_IMPLEMENTED, "NotImplemented", detail)
    }

    pub(crate) fn expectation_failed() -> Self {
        let detail = "the only expectation that can be met is Expect: 100-continue";
        Self::http(StatusCode::EXPECTATION_FAILED, "ExpectationFailed", detail)
    }

    pub(crate) fn late_body(limit: Duration) -> Self {
        Self::http(StatusCode::REQUEST_TIMEOUT, "RequestTimeout", late_body(limit))
    }

    pub(crate) fn timeout() -> Self {
        Self { cause: Some(LATE.to_owned()), ..Self::of(Kind::Timeout, hidden(Kind::Timeout)) }
    }

    pub(crate) fn internal(cause: impl Into<String>) -> Self {
        Self { cause: Some(cause.into()), ..Self::of(Kind::Internal, hidden(Kind::Internal)) }
    }

    /// Returns what to log, if it is not shown to the caller; at most once for each problem.
    pub(crate) fn take_cause(&mut self) -> Option<String> {
        self.cause.take()
    }

    fn http(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), errors: Vec::new(), cause: None, accept_encoding: None }
    }

    /// Returns the body; `instance` is the request's path.
    pub(crate) fn body(&self, instance: Option<&str>) -> Vec<u8> {
        let errors = self
            .errors
            .iter()
            .map(|violation| Entry { field: &violation.field, reason: &violation.reason })
            .collect();
        let document = Document {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or_default(),
            status: self.status.as_u16(),
            detail: &self.detail,
            instance,
            code: self.code,
            errors,
        };
        serde_json::to_vec(&document).unwrap_or_default()
    }
}

/// Returns the text for a failure that was not caused by the caller.
pub(crate) const fn hidden(kind: Kind) -> &'static str {
    match kind {
        Kind::Unavailable => "a dependency of the service is unavailable, try again later",
        Kind::Timeout => "the request timed out",
        _ => "internal error, see the service's log",
    }
}

/// Returns the text for a body that was not complete within `limit`.
pub(crate) fn late_body(limit: Duration) -> String {
    format!("the body did not arrive completely within {limit:?}")
}

/// Returns an error's text and those of its causes.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        _ = write!(text, ": {cause}");
        next = cause.source();
    }
    text
}

/// Returns at most the first `max` bytes of `text`, with an ellipsis if truncated.
pub(crate) fn shortened(mut text: String, max: usize) -> String {
    if text.len() > max {
        text.truncate(text.floor_char_boundary(max));
        text.push('…');
    }
    text
}

impl<E: Fault + 'static> From<E> for Problem {
    fn from(fault: E) -> Self {
        let kind = fault.kind();
        if !kind.is_callers() {
            return Self { cause: Some(chain(&fault)), ..Self::of(kind, hidden(kind)) };
        }
        let errors = match kind {
            Kind::InvalidArgument => fault.violations().iter().map(in_camel_case).collect(),
            _ => Vec::new(),
        };
        let detail = Invalid::of(errors.clone()).map_or_else(|| fault.to_string(), |all| all.to_string());
        Self { errors, ..Self::of(kind, detail) }
    }
}

fn in_camel_case(violation: &Violation) -> Violation {
    let mut field = String::with_capacity(violation.field.len());
    let mut after_underscore = false;
    for c in violation.field.chars() {
        match c {
            '_' if !field.is_empty() => after_underscore = true,
            _ if after_underscore => {
                field.push(c.to_ascii_uppercase());
                after_underscore = false;
            }
            _ => field.push(c),
        }
    }
    Violation::new(field, violation.reason.clone())
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body(None)));
        *response.status_mut() = self.status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        if let Some(codings) = self.accept_encoding {
            response.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static(codings));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Why a request failed: a problem document (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Document<'a> {
    /// Always `about:blank`: `code` identifies the problem.
    r#type: &'static str,
    /// The name of the status.
    title: &'static str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// The cause, if the caller can remedy it.
    detail: &'a str,
    /// The request's path.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    instance: Option<&'a str>,
    /// The kind of the problem, such as `InvalidArgument` or `NotFound`.
    code: &'static str,
    /// What is invalid in the request; absent unless the status is 400.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(min_items = 1)]
    errors: Vec<Entry<'a>>,
}

/// An invalid part of a request.
#[derive(Serialize, ToSchema)]
#[schema(as = Violation)]
struct Entry<'a> {
    /// The parameter, field or header as the request spells it, such as `metadata[3].title`.
    field: &'a str,
    /// The rule that it violates.
    reason: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[derive(Debug, thiserror::Error)]
    #[error("the pool is empty")]
    struct Hidden(#[source] std::io::Error);

    impl Fault for Hidden {
        fn kind(&self) -> Kind {
            Kind::Unavailable
        }
    }

    fn shown(problem: &Problem, instance: Option<&str>) -> Value {
        serde_json::from_slice(&problem.body(instance)).unwrap()
    }

    #[test]
    fn callers_error_names_fields_in_camel_case() {
        let invalid =
            Invalid::of(vec![Violation::new("metadata[3].release_year", "must be 1 or more, not 0")])
                .unwrap();
        let expected = json!({
            "type": "about:blank",
            "title": "Bad Request",
            "status": 400,
            "detail": "metadata[3].releaseYear must be 1 or more, not 0",
            "instance": "/v1/metadata/1",
            "code": "InvalidArgument",
            "errors": [{"field": "metadata[3].releaseYear", "reason": "must be 1 or more, not 0"}],
        });
        assert_eq!(shown(&invalid.into(), Some("/v1/metadata/1")), expected);
    }

    #[test]
    fn other_failure_hides_its_chain_and_keeps_it_for_log_once() {
        let mut problem = Problem::from(Hidden(std::io::Error::other("secret")));
        let body = shown(&problem, None);
        assert_eq!(body["code"], "Unavailable");
        assert_eq!(body["status"], 503);
        assert!(!body.to_string().contains("secret") && !body.to_string().contains("pool"), "{body}");
        assert!(body.get("errors").is_none() && body.get("instance").is_none(), "{body}");
        assert_eq!(problem.take_cause().as_deref(), Some("the pool is empty: secret"));
        assert_eq!(problem.take_cause(), None);
    }
}
