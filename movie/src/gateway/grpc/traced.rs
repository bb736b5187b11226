//! The span of an attempt, by OpenTelemetry's semantic conventions for RPC.

use tonic::{Code, Status};
use trace::{Origin, Span};

/// Names the span after the called `method` (`rating.v1.RatingService/ListTopRated`).
pub(super) fn describe(attempt: &Span, method: &'static str) {
    if !attempt.is_recording() {
        return;
    }
    attempt.rename(|| method.to_owned());
    attempt.set("rpc.system", "grpc");
    if let Some((service, method)) = method.split_once('/') {
        attempt.set("rpc.service", service);
        attempt.set("rpc.method", method);
    }
}

/// Records the status of the call.
pub(super) fn ended(attempt: &Origin, status: Option<&Status>) {
    if !attempt.is_sampled() {
        return;
    }
    let code = status.map_or(Code::Ok, Status::code);
    attempt.set("rpc.grpc.status_code", i64::from(i32::from(code)));
    if let Some(status) = status {
        attempt.fail(status.message().to_owned());
    }
}
