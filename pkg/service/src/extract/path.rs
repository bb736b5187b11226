//! Parameters in the path.

use crate::Problem;
use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path as Inner};
use http::request::Parts;
use serde::de::DeserializeOwned;

/// The path's parameters, percent-decoded; a value that is not UTF-8 is rejected with the parameter's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Inner::from_request_parts(parts, state).await {
            Ok(Inner(parameters)) => Ok(Self(parameters)),
            Err(PathRejection::FailedToDeserializePathParams(error)) => Err(refusal(error.into_kind())),
            Err(error) => Err(Problem::internal(error.body_text())),
        }
    }
}

fn refusal(error: ErrorKind) -> Problem {
    match error {
        ErrorKind::InvalidUtf8InPathParam { key } => Problem::invalid(key, "must be UTF-8"),
        ErrorKind::ParseErrorAtKey { key, expected_type, .. } => {
            Problem::invalid(key, super::reason::reason(&format!("must be of type {expected_type}")))
        }
        ErrorKind::DeserializeError { key, message, .. } => {
            Problem::invalid(key, super::reason::reason(&message))
        }
        ErrorKind::ParseError { .. } | ErrorKind::ParseErrorAtIndex { .. } => {
            Problem::invalid("path", error.to_string())
        }
        error => Problem::internal(error.to_string()),
    }
}
