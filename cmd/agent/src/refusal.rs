//! A rejected request: a status and a text in Consul's words.

use http::StatusCode;

/// The reason of a rejection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) text: String,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    /// Returns a 400.
    pub(crate) fn bad_request(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    /// Returns a 404.
    pub(crate) fn not_found(text: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, text)
    }

    /// Returns a 501, for what Consul supports and this agent does not.
    pub(crate) fn not_done(what: &str) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, format!("The development agent does not support {what}"))
    }
}
