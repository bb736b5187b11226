//! The state of a REST request in progress: its deadline, and the route that it matched, which outlives a handler that
//! panics or times out. A route's parameters are checked here too.

use super::Parameters;
use crate::Deadline;
use axum::extract::{FromRequestParts, MatchedPath, Request};
use axum::response::{IntoResponse, Response};
use futures::future::{Either, Ready, ready};
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

/// Stores the matched path in the request's [`Call`], and rejects a request with a parameter that the route does not have.
#[derive(Clone, Debug)]
pub(crate) struct CheckRoute(pub(crate) Arc<Parameters>);

impl<S> Layer<S> for CheckRoute {
    type Service = Checking<S>;

    fn layer(&self, inner: S) -> Checking<S> {
        Checking { inner, parameters: Arc::clone(&self.0) }
    }
}

/// The service of [`CheckRoute`].
#[derive(Clone, Debug)]
pub(crate) struct Checking<S> {
    inner: S,
    parameters: Arc<Parameters>,
}

impl<S: Service<Request, Response = Response>> Service<Request> for Checking<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = Either<Ready<Result<Response, S::Error>>, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if let Some(path) = request.extensions().get::<MatchedPath>() {
            if let Some(call) = request.extensions().get::<Call>() {
                _ = call.route.0.set(path.clone());
            }
            if let Some(problem) = self.parameters.check(path.as_str(), &request) {
                return Either::Left(ready(Ok(problem.into_response())));
            }
        }
        Either::Right(self.inner.call(request))
    }
}
