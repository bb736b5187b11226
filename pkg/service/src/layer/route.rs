//! The first layer inside the router: it records the route that a request matched, and rejects bodies whose declared
//! length exceeds the limit before a handler runs.

use super::{Call, MAX_BODY};
use crate::Problem;
use axum::extract::{MatchedPath, Request};
use axum::response::{IntoResponse, Response};
use futures::future::Either;
use std::future::{Ready, ready};
use std::task::{Context, Poll};
use tower_layer::Layer;
use tower_service::Service;

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

impl<S: Service<Request, Response = Response>> Service<Request> for Noting<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let extensions = request.extensions();
        if let Some(call) = extensions.get::<Call>() {
            if let Some(path) = extensions.get::<MatchedPath>() {
                call.set_route(path);
            }
            if call.is_oversized() {
                return Either::Right(ready(Ok(Problem::payload_too_large(MAX_BODY).into_response())));
            }
        }
        Either::Left(self.0.call(request))
    }
}
