//! When the caller stops waiting, for handlers that call further.

use crate::layer::Call;
use axum::extract::FromRequestParts;
use http::request::Parts;
use std::convert::Infallible;
use std::time::{Duration, Instant};

/// When the present request is given up: the service's own limit or the caller's `grpc-timeout`, whichever is
/// sooner.
///
/// The server notes it with every request: an axum handler takes it as an argument, a gRPC handler asks
/// [`Deadline::of`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(pub Instant);

impl Deadline {
    /// The deadline of a gRPC request; 2 s from now where no server has set one.
    #[must_use]
    pub fn of<T>(request: &tonic::Request<T>) -> Self {
        request.extensions().get().copied().unwrap_or_else(Self::default)
    }

    /// How much of it is left.
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
        Ok(parts.extensions.get().map(|call: &Call| call.deadline).unwrap_or_default())
    }
}
