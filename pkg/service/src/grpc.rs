//! Failures as gRPC tells them: a status, with a `google.rpc.BadRequest` where fields broke rules.

use crate::problem::{chain, hidden, shortened};
use crate::table;
use fault::{Fault, Kind};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

/// The most violations that one status names: it travels in a header, which must stay small.
const MAX_VIOLATIONS: usize = 20;

/// The most bytes of an error's text in a status, for the same reason.
const MAX_MESSAGE: usize = 1024;

/// The status that tells of `fault`.
///
/// A caller's fault shows its text; any other shows a fixed one, and the server logs its chain of causes once,
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

/// The status of a defect with this `cause`.
pub(crate) fn internal(cause: String) -> Status {
    told(Kind::Internal, cause)
}

fn told(kind: Kind, cause: String) -> Status {
    let mut status = Status::new(table::grpc_code(kind), hidden(kind));
    status.set_source(Arc::new(Cause(cause)));
    status
}

/// A failure's chain of causes, on its way to the server's log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Cause(String);

/// What is to be logged of a status that [`status`] made.
pub(crate) fn cause(status: &Status) -> Option<String> {
    status.source()?.downcast_ref::<Cause>().map(|cause| cause.0.clone())
}

/// Returns whether a call that ended with `status` ran out of time because its caller waits less long than the
/// service's own limit. That is no failure of the service; the metrics count it.
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
    fn violations_travel_as_a_bad_request_in_the_protos_spelling() {
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
    fn a_thousand_violations_fit_into_a_header() {
        let all = (0..1000).map(|n| Violation::new(format!("ids[{n}]"), "must not be empty")).collect();
        let status = status(Invalid::of(all).unwrap());
        assert_eq!(status.get_details_bad_request().unwrap().field_violations.len(), MAX_VIOLATIONS);
        assert!(status.message().len() <= MAX_MESSAGE + 3, "{}", status.message().len());
    }

    #[test]
    fn a_defect_hides_its_text_and_keeps_it_for_the_log() {
        let status = status(Hidden);
        assert_eq!(status.code(), Code::Internal);
        assert!(!status.message().contains("disk"), "{}", status.message());
        assert_eq!(cause(&status).as_deref(), Some("the disk is full"));
    }

    #[test]
    fn only_a_deadline_below_the_services_own_limit_is_the_callers() {
        let limit = Duration::from_secs(2);
        let late = Status::deadline_exceeded("late");
        assert!(is_callers_deadline(&late, Duration::from_micros(500), limit));
        assert!(
            !is_callers_deadline(&late, limit, limit) && !is_callers_deadline(&late, Duration::MAX, limit)
        );
        assert!(!is_callers_deadline(&Status::unavailable("down"), Duration::from_micros(500), limit));
    }
}
