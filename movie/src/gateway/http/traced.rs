//! The span of an attempt, by OpenTelemetry's semantic conventions for HTTP clients.

use super::failure::CallFailure;
use http::StatusCode;
use trace::{Origin, Span};

/// The maximum length of a recorded URL in characters: the ids of a batch may take 60 KiB.
const MAX_URL: usize = 512;

/// Names the span after the called `route` (`/v1/metadata/{id}`).
pub(super) fn describe(attempt: &Span, route: &'static str, authority: &str, path: &str) {
    if !attempt.is_recording() {
        return;
    }
    attempt.rename(|| format!("GET {route}"));
    attempt.set("http.request.method", "GET");
    attempt.set("url.template", route);
    let url = ["http://", authority, path].into_iter().flat_map(str::chars);
    attempt.set("url.full", url.take(MAX_URL).collect::<String>());
}

/// Records the status of the response.
pub(super) fn responded(attempt: &Origin, status: StatusCode) {
    attempt.set("http.response.status_code", i64::from(status.as_u16()));
}

/// Records why the call failed. That a record does not exist is no failure.
pub(super) fn failed(attempt: &Origin, failure: &CallFailure) {
    if attempt.is_sampled() && !matches!(failure, CallFailure::Absent) {
        attempt.fail(service::chain(failure));
    }
}
