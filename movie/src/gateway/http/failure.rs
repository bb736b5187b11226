//! What an HTTP status and its body say about the instance, and how they reach the controller.

use crate::gateway::{Error, failure};
use client::{Class, Failure};
use fault::{Invalid, Kind, Violation};
use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use service::table::kind_of_http;
use std::collections::HashMap;

/// A failed call to an instance.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallFailure {
    #[error("no response")]
    Connection(#[source] hyper_util::client::legacy::Error),
    #[error("the response ended early")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the instance's address is invalid")]
    Address(#[source] http::uri::InvalidUri),
    /// The service responded that the record does not exist.
    #[error("the record does not exist")]
    Absent,
    /// The service refused the request, and may have named the fields.
    #[error("the request was rejected with status {0}")]
    Refused(StatusCode, Option<Invalid>),
    /// The service, or a proxy before it, ran out of time.
    #[error("returned status {0}")]
    Late(StatusCode),
    /// The service failed.
    #[error("returned status {0}")]
    Failed(StatusCode),
    /// The service cannot serve, or it was not the service that responded.
    #[error("returned status {0}")]
    Unavailable(StatusCode),
    /// The response is a list, as the service sends it, and one of its rows can't be decoded.
    #[error("a row can't be decoded")]
    Row(#[source] serde_json::Error),
    /// The response is not what the service would send.
    #[error("the response can't be read")]
    Foreign(#[source] serde_json::Error),
}

/// Decodes the body of a 200.
pub(super) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, CallFailure> {
    jsontext::from_slice(body).map_err(|error| {
        // The row is at fault and not the instance, so that the other rows can be had without it.
        if error.is_data() && is_list(body) { CallFailure::Row(error) } else { CallFailure::Foreign(error) }
    })
}

/// Returns true if `body` is an object with an array, as all lists are.
fn is_list(body: &[u8]) -> bool {
    let fields: Option<HashMap<String, &RawValue>> = jsontext::from_slice(body).ok();
    fields.is_some_and(|fields| fields.values().any(|value| value.get().starts_with('[')))
}

/// The fields of a problem document that are used here.
#[derive(Deserialize)]
struct Problem {
    code: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    errors: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    field: String,
    reason: String,
}

impl CallFailure {
    /// Classifies a response other than 200. A proxy, another service or an older version may have sent it, so that
    /// only a problem document with the service's `code` is about a record.
    pub(super) fn of(status: StatusCode, body: &[u8]) -> Self {
        let problem: Option<Problem> = jsontext::from_slice(body).ok();
        let is = |kind: Kind| problem.as_ref().is_some_and(|problem| problem.code == kind.code());
        let unknown_path = problem.as_ref().is_some_and(|problem| problem.detail == service::UNKNOWN_PATH);
        match status {
            StatusCode::NOT_FOUND if is(Kind::NotFound) && !unknown_path => Self::Absent,
            StatusCode::INTERNAL_SERVER_ERROR if is(Kind::Internal) => Self::Failed(status),
            // Whichever program refused the request, the request is the reason.
            StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::URI_TOO_LONG
            | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
                let entries = problem.into_iter().flat_map(|problem| problem.errors);
                let violations = entries.map(|entry| Violation::new(snake_case(&entry.field), entry.reason));
                Self::Refused(status, Invalid::of(violations.collect()))
            }
            _ if kind_of_http(status) == Some(Kind::Timeout) => Self::Late(status),
            _ => Self::Unavailable(status),
        }
    }
}

impl Failure for CallFailure {
    fn class(&self) -> Class {
        match self {
            Self::Connection(error) => failure::class(error),
            Self::Body(_) => Class::Broken,
            Self::Address(_) => Class::Unsent,
            Self::Absent | Self::Refused(..) | Self::Failed(_) | Self::Row(_) => Class::Application,
            Self::Late(_) => Class::Late,
            Self::Unavailable(_) | Self::Foreign(_) => Class::Unavailable,
        }
    }
}

/// Converts the failure of a call to `service`, after all tries, for the controller.
pub(super) fn gateway_error(service: &'static str, error: client::Error<CallFailure>) -> Error {
    match error {
        client::Error::Late { .. } | client::Error::Failed { cause: CallFailure::Late(_), .. } => {
            Error::Late { service }
        }
        client::Error::Failed { cause: CallFailure::Refused(_, Some(invalid)), .. } => {
            Error::Refused(invalid)
        }
        client::Error::Failed { cause, .. } if cause.class() == Class::Application => {
            Error::failed(service, cause)
        }
        error => Error::unavailable(service, error),
    }
}

/// Spells a field's name as the `.proto` files do.
fn snake_case(field: &str) -> String {
    let mut snake = String::with_capacity(field.len() + 4);
    for c in field.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;
    use fault::Fault;

    fn refused(service: &'static str, status: StatusCode, body: &[u8]) -> Error {
        let (authority, cause) = ("127.0.0.1:1".to_owned(), CallFailure::of(status, body));
        gateway_error(service, client::Error::Failed { service: service.to_owned(), authority, cause })
    }

    #[test]
    fn refusal_keeps_named_fields() {
        let body = br#"{"status":400,"code":"InvalidArgument","errors":[{"field":"pageToken","reason":"is another list's"}]}"#;
        let error = refused("rating", StatusCode::BAD_REQUEST, body);
        assert_eq!(error.violations(), [Violation::new("page_token", "is another list's")]);
        assert_eq!(refused("rating", StatusCode::BAD_REQUEST, b"<html>").kind(), Kind::Internal);
        assert_eq!(refused("rating", StatusCode::GATEWAY_TIMEOUT, b"").kind(), Kind::Timeout);
    }

    #[test]
    fn record_is_absent_only_if_service_reports_it() {
        let absent = br#"{"status":404,"detail":"movie 1 has no ratings","code":"NotFound"}"#;
        assert!(matches!(CallFailure::of(StatusCode::NOT_FOUND, absent), CallFailure::Absent));
        let unknown_path = format!(r#"{{"detail":"{}","code":"NotFound"}}"#, service::UNKNOWN_PATH);
        for (status, body) in [
            (404, unknown_path.as_str()),
            (404, ""),
            (404, "<html>no such page</html>"),
            (404, r#"{"message":"no Route matched with those values"}"#),
            (404, r#"{"code":404}"#),
            (404, r#"["NotFound","movie 1 has no ratings",[]]"#),
            (404, r#"{"code":"Internal"}"#),
            (410, r#"{"code":"NotFound"}"#),
            (204, ""),
            (302, ""),
            (401, "<html>"),
            (403, "<html>"),
            (405, r#"{"code":"MethodNotAllowed"}"#),
            (429, "<html>"),
            (500, "<html>"),
            (502, "<html>"),
            (503, "<html>"),
            (503, r#"{"code":"Unavailable"}"#),
        ] {
            let failure = CallFailure::of(StatusCode::from_u16(status).unwrap(), body.as_bytes());
            assert_eq!(failure.class(), Class::Unavailable, "{status} {body}");
            let kind = refused("rating", StatusCode::from_u16(status).unwrap(), body.as_bytes()).kind();
            assert_eq!(kind, Kind::Unavailable, "{status} {body}");
        }
        let defect = refused("rating", StatusCode::INTERNAL_SERVER_ERROR, br#"{"code":"Internal"}"#);
        assert_eq!(defect.kind(), Kind::Internal);
    }

    #[test]
    fn bad_row_of_list_is_not_fault_of_instance() {
        #[derive(Deserialize)]
        #[expect(dead_code, reason = "only whether it can be decoded matters")]
        struct List {
            rows: Vec<u8>,
        }
        for (body, class) in [
            (r#"{"rows":[1,"spoilt",3]}"#, Class::Application),
            (r#"{"rows":[1,2"#, Class::Unavailable),
            (r#"{"rows":7}"#, Class::Unavailable),
            ("[[1]]", Class::Unavailable),
            ("{}", Class::Unavailable),
            ("<html>", Class::Unavailable),
            ("", Class::Unavailable),
        ] {
            assert_eq!(
                decode::<List>(body.as_bytes()).err().map(|failure| failure.class()),
                Some(class),
                "{body}"
            );
        }
        assert!(decode::<List>(br#"{"rows":[1]}"#).is_ok());
        assert!(decode::<List>("\u{feff}{\"rows\":[1]}".as_bytes()).is_ok());
    }
}
