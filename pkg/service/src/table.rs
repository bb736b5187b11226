//! The only table that maps error kinds to HTTP statuses and gRPC codes.

use fault::Kind;
use http::StatusCode;
use tonic::Code;

/// Returns the HTTP status of `kind`.
#[must_use]
pub const fn http_status(kind: Kind) -> StatusCode {
    row(kind).0
}

/// Returns the gRPC code of `kind`.
#[must_use]
pub const fn grpc_code(kind: Kind) -> Code {
    row(kind).1
}

const fn row(kind: Kind) -> (StatusCode, Code) {
    match kind {
        Kind::InvalidArgument => (StatusCode::BAD_REQUEST, Code::InvalidArgument),
        Kind::Unauthenticated => (StatusCode::UNAUTHORIZED, Code::Unauthenticated),
        Kind::PermissionDenied => (StatusCode::FORBIDDEN, Code::PermissionDenied),
        Kind::NotFound => (StatusCode::NOT_FOUND, Code::NotFound),
        Kind::Conflict => (StatusCode::CONFLICT, Code::Aborted),
        Kind::RateLimited => (StatusCode::TOO_MANY_REQUESTS, Code::ResourceExhausted),
        Kind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, Code::Internal),
        Kind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable),
        Kind::Timeout => (StatusCode::GATEWAY_TIMEOUT, Code::DeadlineExceeded),
    }
}

/// Returns the kind of a called service's gRPC `code`; `None` for [`Code::Ok`].
#[must_use]
pub const fn kind_of_grpc(code: Code) -> Option<Kind> {
    Some(match code {
        Code::Ok => return None,
        Code::InvalidArgument | Code::OutOfRange => Kind::InvalidArgument,
        Code::Unauthenticated => Kind::Unauthenticated,
        Code::PermissionDenied => Kind::PermissionDenied,
        Code::NotFound => Kind::NotFound,
        Code::Aborted | Code::AlreadyExists | Code::FailedPrecondition => Kind::Conflict,
        Code::ResourceExhausted => Kind::RateLimited,
        Code::Internal | Code::Unknown | Code::DataLoss | Code::Unimplemented => Kind::Internal,
        Code::Unavailable | Code::Cancelled => Kind::Unavailable,
        Code::DeadlineExceeded => Kind::Timeout,
    })
}

/// Returns the kind of a called service's HTTP `status`; `None` below 400.
#[must_use]
pub const fn kind_of_http(status: StatusCode) -> Option<Kind> {
    Some(match status.as_u16() {
        ..400 => return None,
        401 => Kind::Unauthenticated,
        403 => Kind::PermissionDenied,
        404 => Kind::NotFound,
        409 | 412 => Kind::Conflict,
        408 | 504 => Kind::Timeout,
        429 => Kind::RateLimited,
        400..500 => Kind::InvalidArgument,
        502 | 503 => Kind::Unavailable,
        _ => Kind::Internal,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: [(Kind, u16, i32, &str); 9] = [
        (Kind::InvalidArgument, 400, 3, "InvalidArgument"),
        (Kind::Unauthenticated, 401, 16, "Unauthenticated"),
        (Kind::PermissionDenied, 403, 7, "PermissionDenied"),
        (Kind::NotFound, 404, 5, "NotFound"),
        (Kind::Conflict, 409, 10, "Conflict"),
        (Kind::RateLimited, 429, 8, "RateLimited"),
        (Kind::Internal, 500, 13, "Internal"),
        (Kind::Unavailable, 503, 14, "Unavailable"),
        (Kind::Timeout, 504, 4, "Timeout"),
    ];

    #[test]
    fn every_kind_round_trips_through_its_row() {
        assert_eq!(ROWS.map(|row| row.0), Kind::ALL);
        for (kind, status, code, name) in ROWS {
            assert_eq!(http_status(kind).as_u16(), status, "{name}");
            assert_eq!(i32::from(grpc_code(kind)), code, "{name}");
            assert_eq!(kind.code(), name);
            assert_eq!(kind_of_http(http_status(kind)), Some(kind), "{name}");
            assert_eq!(kind_of_grpc(grpc_code(kind)), Some(kind), "{name}");
        }
    }

    #[test]
    fn other_statuses_and_codes_map_to_nearest_kind() {
        for (status, kind) in [
            (200, None),
            (304, None),
            (405, Some(Kind::InvalidArgument)),
            (408, Some(Kind::Timeout)),
            (413, Some(Kind::InvalidArgument)),
            (502, Some(Kind::Unavailable)),
            (599, Some(Kind::Internal)),
        ] {
            assert_eq!(kind_of_http(StatusCode::from_u16(status).unwrap()), kind, "{status}");
        }
        for (code, kind) in [
            (Code::Ok, None),
            (Code::Cancelled, Some(Kind::Unavailable)),
            (Code::Unknown, Some(Kind::Internal)),
            (Code::AlreadyExists, Some(Kind::Conflict)),
            (Code::FailedPrecondition, Some(Kind::Conflict)),
            (Code::OutOfRange, Some(Kind::InvalidArgument)),
            (Code::Unimplemented, Some(Kind::Internal)),
            (Code::DataLoss, Some(Kind::Internal)),
        ] {
            assert_eq!(kind_of_grpc(code), kind, "{code:?}");
        }
    }
}
