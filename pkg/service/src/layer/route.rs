//! What the server knows of a REST request that is under way, and the note of which route answers it: that
//! outlives a handler that panics or is too late.

use crate::Deadline;
use axum::extract::{MatchedPath, Request};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use tower_layer::Layer;
use tower_service::Service;

/// What stands in every REST request's extensions, as one entry: each costs an allocation.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) deadline: Deadline,
    pub(crate) route: Route,
}

/// Where the router notes the path template that a request matched.
#[derive(Clone, Debug, Default)]
pub(crate) struct Route(Arc<OnceLock<MatchedPath>>);

impl Route {
    /// The template (`/v1/metadata/{id}`), where the path is known.
    pub(crate) fn template(&self) -> Option<&str> {
        self.0.get().map(MatchedPath::as_str)
    }
}

/// Notes the matched path in the request's [`Call`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoteRoute;

impl<S> Layer<S> for NoteRoute {
    type Service = Noting<S>;

    fn layer(&self, inner: S) -> Noting<S> {
        Noting(inner)
    }
}

/// The service that [`NoteRoute`] makes.
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
