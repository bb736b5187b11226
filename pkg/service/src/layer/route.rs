//! The state of a REST request in progress: its deadline, and the route that it matched, which outlives a handler that
//! panics or times out.

use crate::Deadline;
use axum::extract::{FromRequestParts, MatchedPath, Request};
use http::request::Parts;
use std::convert::Infallible;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use tower_layer::Layer;
use tower_service::Service;

/// The state in the extensions of every REST request; one entry, because each costs an allocation.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) deadline: Deadline,
    pub(crate) route: Route,
}

/// The path template that a request matched, set by the router.
#[derive(Clone, Debug, Default)]
pub(crate) struct Route(Arc<OnceLock<MatchedPath>>);

impl Route {
    /// Returns the template (`/v1/metadata/{id}`), if the path matched one.
    pub(crate) fn template(&self) -> Option<&str> {
        self.0.get().map(MatchedPath::as_str)
    }
}

impl<S: Sync> FromRequestParts<S> for Deadline {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().map(|call: &Call| call.deadline).unwrap_or_default())
    }
}

/// Stores the matched path in the request's [`Call`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoteRoute;

impl<S> Layer<S> for NoteRoute {
    type Service = Noting<S>;

    fn layer(&self, inner: S) -> Noting<S> {
        Noting(inner)
    }
}

/// The service of [`NoteRoute`].
#[derive(Clone, Debug)]
pub(crate) struct Noting<S>(S);

impl<S: Service<Request>> Service<Request> for Noting<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> S::Future {
        let extensions = request.extensions();
        if let (Some(call), Some(path)) = (extensions.get::<Call>(), extensions.get::<MatchedPath>()) {
            _ = call.route.0.set(path.clone());
        }
        self.0.call(request)
    }
}
