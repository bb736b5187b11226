//! What a gRPC status says about the instance, and how it reaches the controller.

use crate::gateway::{Error, failure};
use client::{Class, Failure};
use fault::{Invalid, Violation};
use tonic::{Code, ConnectError, Status, TimeoutExpired};
use tonic_types::StatusExt;

/// A call that an instance failed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(super) struct CallFailure(Box<Status>);

impl CallFailure {
    pub(super) fn new(status: Status) -> Self {
        Self(Box::new(status))
    }

    /// The registry gave an address that can't be called.
    pub(super) fn unusable_address() -> Self {
        let error = ConnectError("the instance's address can't be called".into());
        Self::new(Status::from_error(Box::new(error)))
    }
}

impl CallFailure {
    /// Tells whether the time that the call was given ran out on this side.
    fn is_late(&self) -> bool {
        let mut cause = std::error::Error::source(&*self.0);
        while let Some(error) = cause {
            if error.is::<TimeoutExpired>() {
                return true;
            }
            cause = error.source();
        }
        self.0.code() == Code::DeadlineExceeded
    }
}

impl Failure for CallFailure {
    fn class(&self) -> Class {
        match std::error::Error::source(&*self.0) {
            // Without an answer, whatever code tonic finds for that.
            Some(error) => failure::class(error),
            None if self.0.code() == Code::Unavailable => Class::Unavailable,
            None => Class::Application,
        }
    }
}

/// The failure of a whole call to `service`, after all tries.
pub(super) fn gateway_error(service: &'static str, error: client::Error<CallFailure>) -> Error {
    let cause = match error {
        client::Error::Late { .. } => return Error::Late { service },
        client::Error::NoInstance { .. } => return Error::unavailable(service, error),
        client::Error::Failed { cause, .. } if cause.is_late() => return Error::Late { service },
        client::Error::Failed { cause, .. } => cause,
    };
    if cause.class() != Class::Application {
        return Error::unavailable(service, *cause.0);
    }
    let refused = (cause.0.code() == Code::InvalidArgument).then(|| refusal(&cause.0)).flatten();
    refused.map_or_else(|| Error::failed(service, *cause.0), Error::Refused)
}

fn refusal(status: &Status) -> Option<Invalid> {
    let details = status.get_details_bad_request()?;
    let violation = |found: tonic_types::FieldViolation| Violation::new(found.field, found.description);
    Invalid::of(details.field_violations.into_iter().map(violation).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use fault::{Fault, Kind};

    fn failed(status: Status) -> Error {
        let cause = CallFailure::new(status);
        let authority = "127.0.0.1:1".to_owned();
        gateway_error("rating", client::Error::Failed { service: "rating".to_owned(), authority, cause })
    }

    #[test]
    fn a_refusal_keeps_the_fields_that_the_service_named() {
        let error = failed(service::grpc::status(Invalid::field("page_token", "is another list's")));
        assert_eq!(error.violations(), [Violation::new("page_token", "is another list's")]);
    }

    #[test]
    fn an_address_that_is_none_gets_nothing() {
        let failure = CallFailure::unusable_address();
        assert_eq!((failure.class(), failure.0.code()), (Class::Unsent, Code::Unavailable));
    }

    #[test]
    fn silence_and_absence_are_told_apart() {
        for (status, kind) in [
            (Status::unavailable("draining"), Kind::Unavailable),
            (Status::deadline_exceeded("late"), Kind::Timeout),
            (Status::internal("defect"), Kind::Internal),
            (Status::unknown("defect"), Kind::Internal),
            (Status::invalid_argument("without a field"), Kind::Internal),
        ] {
            assert_eq!(failed(status).kind(), kind);
        }
        assert_eq!(
            gateway_error("rating", client::Error::Late { service: String::new() }).kind(),
            Kind::Timeout
        );
    }
}
