//! Classifies gRPC statuses: what they mean for the instance, and which error the controller gets.

use super::connection::Call;
use crate::gateway::{Error, failure};
use client::{Class, Failure};
use fault::{Invalid, Violation};
use http::header::CONTENT_TYPE;
use mediatype::MediaType;
use std::error::Error as _;
use std::iter::successors;
use tonic::{Code, ConnectError, Status, TimeoutExpired};
use tonic_types::StatusExt;

/// A failed call to an instance.
#[derive(Debug)]
pub(super) struct CallFailure {
    status: Box<Status>,
    class: Class,
}

impl CallFailure {
    /// Creates the failure of a `call` that ended with `status`.
    pub(super) fn of(call: Call, status: Status) -> Self {
        let mut class = class(&status);
        if class == Class::Cut {
            call.wear();
        }
        // A call that ran out of time on this side is reset: `call` is dropped without an end.
        if !is_expired(&status) && call.end() && status.source().is_some() {
            // The resets closed the channel; the instance is not at fault.
            class = Class::Cut;
        }
        Self { class, status: Box::new(status) }
    }

    /// Creates the failure of a call to an address that the registry reported but that cannot be called.
    pub(super) fn unusable_address() -> Self {
        let status = Status::from_error(Box::new(ConnectError("the instance's address is invalid".into())));
        Self { class: class(&status), status: Box::new(status) }
    }
}

impl Failure for CallFailure {
    fn class(&self) -> Class {
        self.class
    }
}

/// Returns true if the call's time ran out on this side.
fn is_expired(status: &Status) -> bool {
    successors(status.source(), |error: &&(dyn std::error::Error + 'static)| (*error).source())
        .any(|error| error.is::<TimeoutExpired>())
}

/// Classifies the status that ended a call. Only a gRPC response with a code that the services use for reads comes from
/// them; everything else comes from something else at their address, such as a proxy or an older version.
fn class(status: &Status) -> Class {
    if is_expired(status) {
        return Class::Late;
    }
    if let Some(error) = status.source() {
        // No response arrived, whichever code tonic chose for that.
        return failure::class(error);
    }
    match status.code() {
        Code::DeadlineExceeded => Class::Late,
        // The response is longer than this side accepts.
        Code::OutOfRange => Class::Application,
        Code::InvalidArgument
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::Internal
        | Code::Unknown
        | Code::DataLoss
            if is_grpc(status) =>
        {
            Class::Application
        }
        _ => Class::Unavailable,
    }
}

/// Returns true if the status belongs to a gRPC response: the service sent it, or tonic could not decode the message. tonic
/// also makes statuses of HTTP errors and of bodies of other types.
fn is_grpc(status: &Status) -> bool {
    let content_type = status.metadata().get(CONTENT_TYPE.as_str()).and_then(|value| value.to_str().ok());
    content_type.and_then(|text| MediaType::parse(text).ok()).is_some_and(|media| {
        media.ty == *"application"
            && media.subty == *"grpc"
            && media.suffix.is_none_or(|suffix| suffix == *"proto")
    })
}

/// Converts the failure of a call to `service`, after all tries, for the controller.
pub(super) fn gateway_error(service: &'static str, error: client::Error<CallFailure>) -> Error {
    let cause = match error {
        client::Error::Late { .. } => return Error::Late { service },
        client::Error::NoInstance { .. } => return Error::unavailable(service, error.to_string()),
        client::Error::Failed { cause, .. } => cause,
    };
    match cause.class {
        Class::Late => Error::Late { service },
        Class::Application => {
            let status = *cause.status;
            let refused = (status.code() == Code::InvalidArgument).then(|| refusal(&status)).flatten();
            refused.map_or_else(|| Error::failed(service, status), Error::Refused)
        }
        Class::Unavailable | Class::Unsent | Class::Broken | Class::Cut => {
            Error::unavailable(service, *cause.status)
        }
    }
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

    /// The failure that ends with `status`, which came from a service.
    fn failed(status: Status) -> Error {
        let received = Status::from_header_map(status.into_http::<()>().headers()).unwrap();
        failed_with(received)
    }

    fn failed_with(status: Status) -> Error {
        let cause = CallFailure { class: class(&status), status: Box::new(status) };
        let authority = "127.0.0.1:1".to_owned();
        gateway_error("rating", client::Error::Failed { service: "rating".to_owned(), authority, cause })
    }

    #[test]
    fn refusal_keeps_named_fields() {
        let error = failed(service::grpc::status(Invalid::field("page_token", "is another list's")));
        assert_eq!(error.violations(), [Violation::new("page_token", "is another list's")]);
    }

    #[test]
    fn unusable_address_gets_no_request() {
        let failure = CallFailure::unusable_address();
        assert_eq!((failure.class(), failure.status.code()), (Class::Unsent, Code::Unavailable));
    }

    #[test]
    fn late_and_unavailable_services_are_distinguished() {
        for (status, kind) in [
            (Status::unavailable("draining"), Kind::Unavailable),
            (Status::deadline_exceeded("late"), Kind::Timeout),
            (Status::internal("defect"), Kind::Internal),
            (Status::unknown("defect"), Kind::Internal),
            (Status::invalid_argument("without a field"), Kind::Internal),
            (Status::unimplemented("an older version, or another service"), Kind::Unavailable),
            (Status::not_found("no service gives that to a list"), Kind::Unavailable),
            (Status::permission_denied("a proxy"), Kind::Unavailable),
            (Status::unauthenticated("a proxy"), Kind::Unavailable),
            (Status::resource_exhausted("a proxy"), Kind::Unavailable),
            (Status::cancelled("stopping"), Kind::Unavailable),
        ] {
            assert_eq!(failed(status).kind(), kind);
        }
        assert_eq!(
            gateway_error("rating", client::Error::Late { service: String::new() }).kind(),
            Kind::Timeout
        );
    }

    #[test]
    fn content_type_of_grpc_is_compared_by_grammar() {
        for (content_type, kind) in [
            ("Application/gRPC+Proto; charset=\"a;b\"", Kind::Internal),
            ("application/grpc;x=y", Kind::Internal),
            ("application/grpc-web+proto", Kind::Unavailable),
            ("application/grpc+json", Kind::Unavailable),
            ("application/grpcfoo", Kind::Unavailable),
            ("text/html; x=application/grpc", Kind::Unavailable),
        ] {
            let mut response = Status::internal("defect").into_http::<()>();
            response.headers_mut().insert(CONTENT_TYPE, content_type.parse().unwrap());
            let received = Status::from_header_map(response.headers()).unwrap();
            assert_eq!(failed_with(received).kind(), kind, "{content_type}");
        }
    }

    #[test]
    fn status_not_sent_by_service_is_unavailability() {
        for status in
            [Status::internal("no message"), Status::unknown("HTTP 500"), Status::unimplemented("HTTP 404")]
        {
            assert_eq!(failed_with(status).kind(), Kind::Unavailable);
        }
    }
}
