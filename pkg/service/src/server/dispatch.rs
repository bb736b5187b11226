//! Passes a request to its routes: gRPC by its content type, REST otherwise, each within its limits and measured.

use super::budget::{self, Charge, REFUSED};
use super::metered::Metered;
use super::reflection::Methods;
use crate::layer::{Call, Capped, Halted, NoteRoute, Route, grpc_timeout, guarded};
use crate::metrics::{Measured, Protocol, Recorder, Status};
use crate::{Deadline, Metrics, Problem, grpc, problem};
use axum::body::Body;
use axum::response::IntoResponse;
use fault::Kind;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header};
use hyper::body::{Body as _, Incoming};
use percent_encoding::percent_decode_str;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tower::ServiceExt;

/// The most bytes of a request line.
const MAX_REQUEST_LINE: usize = 64 * 1024;

/// One worker's routes and what it needs to answer by them.
pub(super) struct Dispatch {
    rest: axum::Router,
    grpc: axum::Router,
    methods: Methods,
    recorder: Arc<Recorder>,
    request_timeout: Duration,
}

impl Dispatch {
    pub(super) fn new(
        rest: axum::Router,
        grpc: tonic::service::Routes,
        methods: Methods,
        metrics: Metrics,
        request_timeout: Duration,
    ) -> Self {
        let rest = rest
            .fallback(unknown_path)
            .method_not_allowed_fallback(async || Problem::method_not_allowed())
            .layer(NoteRoute)
            .with_state(());
        let recorder = Arc::new(Recorder::new(metrics));
        Self { rest, grpc: grpc.prepare().into_axum_router(), methods, recorder, request_timeout }
    }

    /// Returns the response to `request`, also if its handler fails.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        pending: budget::Request,
    ) -> Response<Measured<Metered>> {
        if is_grpc(request.headers()) {
            self.grpc(request, &pending).await
        } else {
            self.rest(request, &pending).await
        }
    }

    async fn rest(
        &self,
        mut request: Request<Incoming>,
        pending: &budget::Request,
    ) -> Response<Measured<Metered>> {
        let began = Instant::now();
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let route = Route::default();
        let mut response = if request_line(&method, &uri) > MAX_REQUEST_LINE {
            Problem::uri_too_long(MAX_REQUEST_LINE).into_response()
        } else {
            let deadline = began + self.request_timeout;
            request.extensions_mut().insert(Call { deadline: Deadline(deadline), route: route.clone() });
            match pending.turn(deadline).await {
                Some(_turn) => {
                    match guarded(self.rest.clone().oneshot(request.map(capped)), deadline).await {
                        Ok(Ok(response)) => response,
                        Err(Halted::Timeout) => Problem::timeout().into_response(),
                        Err(Halted::Panic(text)) => Problem::internal(text).into_response(),
                    }
                }
                None => Problem::of(Kind::Unavailable, REFUSED).into_response(),
            }
        };
        let mut charge = Charge::new(pending.account());
        if !charge.raise(response.body().size_hint().exact()) {
            response = Problem::of(Kind::Unavailable, REFUSED).into_response();
        }
        if let Some(problem) = response.extensions_mut().remove::<Problem>() {
            finish(&mut response, problem, &method, uri.path());
        }
        self.recorder.record(Protocol::Http, route.template(), Status::Http(response.status()), began);
        response.map(|body| Measured::plain(Metered::http(body, charge)))
    }

    async fn grpc(
        &self,
        mut request: Request<Incoming>,
        pending: &budget::Request,
    ) -> Response<Measured<Metered>> {
        let began = Instant::now();
        let uri = request.uri().clone();
        let limit = grpc_timeout(request.headers()).unwrap_or(Duration::MAX).min(self.request_timeout);
        let deadline = began + limit;
        request.extensions_mut().insert(Deadline(deadline));
        let response = match pending.turn(deadline).await {
            Some(_turn) => match guarded(self.grpc.clone().oneshot(request.map(Body::new)), deadline).await {
                Ok(Ok(response)) => response,
                Err(Halted::Timeout) => {
                    tonic::Status::deadline_exceeded(problem::hidden(Kind::Timeout)).into_http()
                }
                Err(Halted::Panic(cause)) => grpc::internal(cause).into_http(),
            },
            None => tonic::Status::unavailable(REFUSED).into_http(),
        };
        if let Some(cause) = response.extensions().get().and_then(grpc::cause) {
            tracing::error!(path = uri.path(), cause, "a call failed");
        }
        let method = self.methods.get(uri.path()).cloned();
        let (parts, body) = response.into_parts();
        let body = Metered::grpc(body, Charge::new(pending.account()));
        let body = Measured::grpc(body, &parts.headers, Arc::clone(&self.recorder), method, began);
        Response::from_parts(parts, body)
    }
}

fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|content_type| content_type.as_bytes().starts_with(b"application/grpc"))
}

/// A request's body within its limit.
fn capped(body: Incoming) -> Body {
    if body.is_end_stream() { Body::empty() } else { Body::new(Capped::new(body)) }
}

/// The length of the request line `GET /path?query HTTP/1.1`.
fn request_line(method: &Method, uri: &Uri) -> usize {
    let target = uri.path_and_query().map_or(0, |target| target.as_str().len());
    method.as_str().len() + target + " ".len() + " HTTP/1.1".len()
}

async fn unknown_path(uri: Uri) -> Problem {
    match percent_decode_str(uri.path()).decode_utf8() {
        Ok(_) => Problem::of(Kind::NotFound, "there is nothing at this path"),
        Err(_) => Problem::invalid("path", "must be UTF-8"),
    }
}

/// Writes what a problem's maker could not know, and logs what the caller is not told.
fn finish(response: &mut Response<Body>, mut problem: Problem, method: &Method, path: &str) {
    if let Some(cause) = problem.take_cause() {
        tracing::error!(%method, path, cause, "a request failed");
    }
    let body = problem.body(Some(path));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    *response.body_mut() = if method == Method::HEAD { Body::empty() } else { Body::from(body) };
}
