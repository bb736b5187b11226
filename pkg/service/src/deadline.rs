//! The time until which a caller waits, for handlers that call other services.

use crate::layer::Call;
use axum::extract::FromRequestParts;
use http::Extensions;
use http::request::Parts;
use std::convert::Infallible;
use std::time::{Duration, Instant};

/// The time at which a request times out: by the service's own limit or the caller's `grpc-timeout`, whichever is
/// sooner. The service's limit begins when the body of the request is complete.
///
/// The server sets it for every request. An axum handler takes it as an argument, a gRPC handler calls
/// [`Deadline::of`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(pub Instant);

impl Deadline {
    /// Returns the deadline of a gRPC request; 2 s from now if no server has set one.
    #[must_use]
    pub fn of<T>(request: &tonic::Request<T>) -> Self {
        Self::in_extensions(request.extensions())
    }

    /// Returns the deadline of the request with these `extensions`; 2 s from now if no server has set one.
    pub(crate) fn in_extensions(extensions: &Extensions) -> Self {
        extensions.get().map(|call: &Call| Self(call.deadline())).unwrap_or_default()
    }

    /// Returns the time left.
    #[must_use]
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

impl Default for Deadline {
    /// 2 s from now.
    fn default() -> Self {
        Self(Instant::now() + Duration::from_secs(2))
    }
}

impl<S: Sync> FromRequestParts<S> for Deadline {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::in_extensions(&parts.extensions))
    }
}
