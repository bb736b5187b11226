//! Failures as gRPC statuses, with a `google.rpc.BadRequest` for invalid fields.

use crate::problem::{LATE, chain, hidden, shortened};
use crate::table;
use fault::{Fault, Kind};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

/// The maximum number of violations in a status: it is sent in a header, which must stay small.
const MAX_VIOLATIONS: usize = 20;

/// The maximum length of an error's text in a status in bytes, for the same reason.
const MAX_MESSAGE: usize = 1024;

/// Returns the status of `fault`.
///
/// An error caused by the caller shows its text; any other shows a fixed one, and the server logs its causes once,
/// with the method's path.
#[expect(clippy::needless_pass_by_value, reason = "so that it maps an error as it stands")]
pub fn status(fault: impl Fault + 'static) -> Status {
    let kind = fault.kind();
    let code = table::grpc_code(kind);
    if !kind.is_callers() {
        return told(kind, chain(&fault));
    }
    let violations: Vec<_> = fault
        .violations()
        .iter()
        .take(MAX_VIOLATIONS)
        .map(|violation| FieldViolation::new(&violation.field, &violation.reason))
        .collect();
    let message = shortened(fault.to_string(), MAX_MESSAGE);
    if violations.is_empty() {
        return Status::new(code, message);
    }
    Status::with_error_details(code, message, ErrorDetails::with_bad_request(violations))
}

/// Returns the status of a defect with this `cause`.
pub(crate) fn internal(cause: String) -> Status {
    told(Kind::Internal, cause)
}

/// Returns the status of a call whose handler exceeded its time limit.
pub(crate) fn timeout() -> Status {
    told(Kind::Timeout, LATE.to_owned())
}

fn told(kind: Kind, cause: String) -> Status {
    let mut status = Status::new(table::grpc_code(kind), hidden(kind));
    status.set_source(Arc::new(Cause(cause)));
    status
}

/// A failure's causes, passed to the server's log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Cause(String);

/// Returns what to log for a status created by [`status`].
pub(crate) fn cause(status: &Status) -> Option<String> {
    status.source()?.downcast_ref::<Cause>().map(|cause| cause.0.clone())
}

/// Returns true if a call that ended with `status` timed out because its caller's deadline is shorter than the
/// service's own limit. That is not a failure of the service; the metrics count it.
pub(crate) fn is_callers_deadline(status: &Status, patience: Duration, limit: Duration) -> bool {
    status.code() == Code::DeadlineExceeded && patience < limit
}

#[cfg(test)]
mod tests {
    use super::*;
    use fault::{Invalid, Violation};

    #[derive(Debug, thiserror::Error)]
    #[error("the disk is full")]
    struct Hidden;

    impl Fault for Hidden {
        fn kind(&self) -> Kind {
            Kind::Internal
        }
    }

    #[test]
    fn violations_are_sent_as_bad_request_in_proto_spelling() {
        let status = status(Invalid::field("metadata.release_year", "must be 1 or more, not 0"));
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(status.message(), "metadata.release_year must be 1 or more, not 0");
        let [violation] = &status.get_details_bad_request().unwrap().field_violations[..] else {
            panic!("{status:?}")
        };
        assert_eq!(violation.field, "metadata.release_year");
        assert_eq!(violation.description, "must be 1 or more, not 0");
    }

    #[test]
    fn thousand_violations_fit_into_header() {
        let all = (0..1000).map(|n| Violation::new(format!("ids[{n}]"), "must not be empty")).collect();
        let status = status(Invalid::of(all).unwrap());
        assert_eq!(status.get_details_bad_request().unwrap().field_violations.len(), MAX_VIOLATIONS);
        assert!(status.message().len() <= MAX_MESSAGE + 3, "{}", status.message().len());
    }

    #[test]
    fn defect_hides_its_text_and_keeps_it_for_log() {
        let status = status(Hidden);
        assert_eq!(status.code(), Code::Internal);
        assert!(!status.message().contains("disk"), "{}", status.message());
        assert_eq!(cause(&status).as_deref(), Some("the disk is full"));
    }

    #[test]
    fn only_deadline_below_own_limit_is_the_callers() {
        let limit = Duration::from_secs(2);
        let late = Status::deadline_exceeded("late");
        assert!(is_callers_deadline(&late, Duration::from_micros(500), limit));
        assert!(
            !is_callers_deadline(&late, limit, limit) && !is_callers_deadline(&late, Duration::MAX, limit)
        );
        assert!(!is_callers_deadline(&Status::unavailable("down"), Duration::from_micros(500), limit));
    }
}
