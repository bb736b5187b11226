//! The first layer inside the router: it records the route that a request matched, and rejects unknown parameters and
//! bodies whose declared length exceeds the limit before a handler runs.

use super::{Call, MAX_BODY, Parameters};
use crate::Problem;
use axum::extract::{MatchedPath, Request};
use axum::response::{IntoResponse, Response};
use futures::future::Either;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};
use tower_layer::Layer;
use tower_service::Service;

/// Stores the matched path in the request's [`Call`], and rejects what the head alone makes invalid.
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

impl<S> Checking<S> {
    fn check(&self, request: &Request) -> Option<Problem> {
        let extensions = request.extensions();
        let (path, call) = (extensions.get::<MatchedPath>(), extensions.get::<Call>());
        if let (Some(path), Some(call)) = (path, call) {
            call.set_route(path);
        }
        if call.is_some_and(Call::is_oversized) {
            return Some(Problem::payload_too_large(MAX_BODY));
        }
        self.parameters.check(path?.as_str(), request)
    }
}

impl<S: Service<Request, Response = Response>> Service<Request> for Checking<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = Either<Ready<Result<Response, S::Error>>, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match self.check(&request) {
            Some(problem) => Either::Left(ready(Ok(problem.into_response()))),
            None => Either::Right(self.inner.call(request)),
        }
    }
}
