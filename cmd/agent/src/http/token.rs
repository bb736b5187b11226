//! The optional token of the agent.

use super::query::Query;
use crate::refusal::Refusal;
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};

/// The permission that a call needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    Read,
    Write,
}

/// Rejects a caller without the `wanted` token in query or header.
pub(super) fn check(wanted: &str, query: &Query, headers: &HeaderMap, right: Right) -> Result<(), Refusal> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = || {
        let (scheme, token) = header(AUTHORIZATION.as_str())?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    };
    let given = |token: &&str| !token.is_empty();
    let shown = query.value("token").or_else(|| header("x-consul-token").filter(given)).or_else(bearer);
    let right = match right {
        Right::Read => "service:read",
        Right::Write => "service:write",
    };
    let text = match shown.filter(given) {
        Some(token) if token == wanted => return Ok(()),
        Some(_) => "ACL not found".to_owned(),
        None => format!(
            "Permission denied: anonymous token lacks permission '{right}'. The anonymous token is used \
             implicitly when a request does not specify a token."
        ),
    };
    Err(Refusal::new(StatusCode::FORBIDDEN, text))
}
