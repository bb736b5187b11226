//! Dispatches requests: to gRPC or grpc-web by their content type, otherwise to REST, each within its limits and measured.

use super::access::{Access, AccessCall};
use super::budget::{self, Charge, REFUSED};
use super::metered::Metered;
use super::observed;
use super::protocol::{Protocol, Web, protocol};
use super::reflection::Methods;
use crate::admission::{has_valid_host, is_cross_origin_write};
use crate::layer::{
    Call, CheckRoute, Halted, Limits, MAX_BODY, Parameters, RequestBody, check_codings, grpc_timeout,
    guarded, normalize_path,
};
use crate::metrics::{self, Began, Measured, Recorder, Status};
use crate::{Metrics, Problem, grpc, problem};
use axum::body::Body;
use axum::response::IntoResponse;
use fault::Kind;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, Version, header};
use hyper::body::{Body as _, Incoming};
use percent_encoding::percent_decode_str;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tonic_web::GrpcWebLayer;
use tower::ServiceExt;
use tower_http::timeout::TimeoutBody;
use tower_layer::Layer;
use trace::{Parent, RequestScope, Span, Tracer};

/// The maximum length of a request line, in bytes.
const MAX_REQUEST_LINE: usize = 64 * 1024;

/// The declared length up to which hyper may read the rest of a body that no handler has read, and keep the connection.
const SMALL_BODY: u64 = 4 * 1024;

/// Where each request is recorded.
pub(super) struct Watched {
    pub(super) metrics: Metrics,
    pub(super) tracer: Tracer,
    pub(super) access: Option<Access>,
}

/// One worker's routes and what it needs to serve them.
pub(super) struct Dispatch {
    rest: axum::Router,
    grpc: axum::Router,
    methods: Methods,
    recorder: Arc<Recorder>,
    tracer: Tracer,
    access: Option<Access>,
    limits: Limits,
    /// The time limit of silence between two messages of an HTTP/1.1 response: only a write detects that its client is
    /// gone, and HTTP/1.1 has no PING.
    keep_alive: Duration,
}

impl Dispatch {
    pub(super) fn new(
        rest: axum::Router,
        grpc: tonic::service::Routes,
        methods: Methods,
        parameters: Parameters,
        Watched { metrics, tracer, access }: Watched,
        limits: Limits,
        keep_alive: Duration,
    ) -> Self {
        let rest = rest
            .fallback(unknown_path)
            .method_not_allowed_fallback(async || Problem::method_not_allowed())
            .layer(CheckRoute(Arc::new(parameters)))
            .with_state(());
        let recorder = Arc::new(Recorder::new(metrics));
        let grpc = grpc.prepare().into_axum_router();
        Self { rest, grpc, methods, recorder, tracer, access, limits, keep_alive }
    }

    /// Returns the response to `request`, also if its handler fails.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        pending: budget::Request,
    ) -> Response<Measured<Metered>> {
        let in_flight = self.recorder.enter();
        let parent = if self.tracer.is_enabled() { Parent::from_headers(request.headers()) } else { None };
        let span = observed::span(&self.tracer, &request, parent.as_ref());
        let (scope, origin) = (RequestScope::new(request.headers(), parent), span.origin());
        // Pinned here, the future is not moved into those around it.
        let answer = pin!(async {
            let mut response = match admit(&request) {
                Ok(Protocol::Grpc) => self.grpc(request, &pending, span).await,
                Ok(Protocol::GrpcWeb(web)) => self.grpc_web(request, web, &pending, span).await,
                Ok(Protocol::Rest) => self.rest(request, Ok(()), &pending, span).await,
                Err(refusal) => self.rest(request, Err(refusal), &pending, span).await,
            };
            observed::identify(&mut response);
            response.map(|body| body.in_flight(in_flight))
        });
        scope.run(origin.run(answer)).await
    }

    async fn rest(
        &self,
        request: Request<Incoming>,
        admitted: Result<(), Problem>,
        pending: &budget::Request,
        span: Span,
    ) -> Response<Measured<Metered>> {
        let began = Instant::now();
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let chunked = is_chunked(request.headers());
        let expects = request.headers().contains_key(header::EXPECT);
        let declared = request.body().size_hint().lower();
        let oversized = declared > MAX_BODY as u64;
        let peer = pending.account().peer();
        let call = Call::new(began, self.limits, Duration::MAX, oversized, peer);
        let mut late = false;
        let admitted = admitted.and_then(|()| if expects { expectation(&request) } else { Ok(()) });
        let mut request = request.map(|body| received(body, &call));
        let mut response = if let Err(refusal) = admitted {
            drop(request);
            refusal.into_response()
        } else {
            request.extensions_mut().insert(call.clone());
            normalize_path(request.uri_mut());
            match pending.turn(call.deadline()).await {
                Some(_turn) => match guarded(self.rest.clone().oneshot(request), &call).await {
                    Ok(Ok(response)) => response,
                    Err(Halted::Timeout) => Problem::timeout().into_response(),
                    Err(Halted::LateBody(limit)) => {
                        late = true;
                        Problem::late_body(limit).into_response()
                    }
                    Err(Halted::Panic(text)) => Problem::internal(text).into_response(),
                },
                None => {
                    drop(request);
                    Problem::of(Kind::Unavailable, REFUSED).into_response()
                }
            }
        };
        let mut charge = Charge::new(pending.account());
        if !charge.raise(response.body().size_hint().exact()) {
            response = Problem::of(Kind::Unavailable, REFUSED).into_response();
        }
        if let Some(problem) = response.extensions_mut().remove::<Problem>() {
            finish(&mut response, problem, &method, uri.path());
        }
        let abandoned = call.has_abandoned_body();
        pending.account().set_lingering(abandoned);
        // The rest of an abandoned body is not read, so that no further request can follow it. With HTTP/2, hyper drops
        // the header.
        if chunked || abandoned && (expects || late || declared > SMALL_BODY) {
            close(response.headers_mut());
        }
        self.recorder.record(
            metrics::Protocol::Http,
            call.template(),
            Status::Http(response.status()),
            Began::current(began),
        );
        observed::http(&span, &method, uri.path(), call.template(), response.status());
        if let Some(access) = self.access {
            let took = (began, response.body().size_hint().exact());
            access.rest(&method, uri.path(), call.template(), response.status(), took, peer);
        }
        response.map(|body| Measured::plain(Metered::http(body, charge)))
    }

    async fn grpc(
        &self,
        request: Request<Incoming>,
        pending: &budget::Request,
        span: Span,
    ) -> Response<Measured<Metered>> {
        let call = self.call(request.map(Body::new), pending).await;
        let charge = Charge::new(pending.account());
        self.measure(call, span, |body| Metered::grpc(body, charge))
    }

    /// Serves a call of grpc-web as one of gRPC. Its status is the last frame of the response's body.
    async fn grpc_web(
        &self,
        mut request: Request<Incoming>,
        web: Web,
        pending: &budget::Request,
        mut span: Span,
    ) -> Response<Measured<Metered>> {
        let chunked = is_chunked(request.headers());
        let has_ping = request.version() >= Version::HTTP_2;
        web.normalize(request.headers_mut());
        let call = tower::service_fn(|request: Request<tonic::body::Body>| {
            let span = std::mem::take(&mut span);
            async move {
                let call = self.call(request.map(Body::new), pending).await;
                // Measured before the translation, which hides the status.
                Ok::<_, Infallible>(self.measure(call, span, |body| body))
            }
        });
        let Ok(mut response) = GrpcWebLayer::new().layer(call).oneshot(request.map(Body::new)).await;
        if chunked {
            close(response.headers_mut());
        }
        let charge = Charge::new(pending.account());
        response.map(|body| {
            let body =
                if has_ping { Body::new(body) } else { Body::new(TimeoutBody::new(self.keep_alive, body)) };
            Measured::plain(Metered::http(body, charge))
        })
    }

    /// Calls a gRPC method.
    async fn call(&self, request: Request<Body>, pending: &budget::Request) -> Called {
        let began = Instant::now();
        let uri = request.uri().clone();
        let patience = grpc_timeout(request.headers()).unwrap_or(Duration::MAX);
        let peer = pending.account().peer();
        let call = Call::new(began, self.limits, patience, false, peer);
        let mut request = request.map(|body| Body::new(RequestBody::grpc(body, call.clone())));
        request.extensions_mut().insert(call.clone());
        let response = match pending.turn(call.deadline()).await {
            Some(_turn) => match guarded(self.grpc.clone().oneshot(request), &call).await {
                Ok(Ok(response)) => response,
                Err(Halted::Timeout) => grpc::timeout().into_http(),
                Err(Halted::LateBody(limit)) => {
                    tonic::Status::deadline_exceeded(problem::late_body(limit)).into_http()
                }
                Err(Halted::Panic(cause)) => grpc::internal(cause).into_http(),
            },
            None => tonic::Status::unavailable(REFUSED).into_http(),
        };
        if let Some(status) = response.extensions().get::<tonic::Status>()
            && let Some(cause) = grpc::cause(status)
        {
            if grpc::is_callers_deadline(status, patience, self.limits.request) {
                tracing::debug!(path = uri.path(), cause, "a call exceeded its caller's deadline");
            } else {
                tracing::error!(path = uri.path(), cause, "a call failed");
            }
        }
        let access = self.access.and_then(|access| access.grpc(uri.path(), peer));
        let began = Began::current(began);
        Called { response, method: self.methods.get(uri.path()).cloned(), began, access }
    }

    /// Counts the call and ends its span when its status is sent; `wrap` wraps the body inside.
    fn measure<B>(&self, call: Called, span: Span, wrap: impl FnOnce(Body) -> B) -> Response<Measured<B>> {
        let Called { response, method, began, access } = call;
        let (parts, body) = response.into_parts();
        observed::method(&span, method.as_deref());
        let call = metrics::Call { recorder: Arc::clone(&self.recorder), method, began, span, access };
        let body = Measured::grpc(wrap(body), &parts.headers, call);
        Response::from_parts(parts, body)
    }
}

/// A gRPC response, with what its measurement needs.
struct Called {
    response: Response<Body>,
    method: Option<Arc<str>>,
    began: Began,
    access: Option<Box<AccessCall>>,
}

/// Checks the head of `request`; returns the protocol that serves it.
fn admit<B: http_body::Body>(request: &Request<B>) -> Result<Protocol, Problem> {
    if !has_valid_host(request) {
        return Err(Problem::invalid(
            "Host",
            "must appear exactly once and name the host, as HTTP/1.1 requires",
        ));
    }
    if request_line(request.method(), request.uri()) > MAX_REQUEST_LINE {
        return Err(Problem::uri_too_long(MAX_REQUEST_LINE));
    }
    let protocol = protocol(request)?;
    if is_cross_origin_write(request) {
        return Err(Problem::of(Kind::PermissionDenied, "web pages of another origin must not change data"));
    }
    // gRPC has encodings of its own.
    if protocol != Protocol::Grpc && !request.body().is_end_stream() {
        check_codings(request.headers())?;
    }
    Ok(protocol)
}

/// Returns true if a request's body has no declared length.
fn is_chunked(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING)
}

/// Closes the connection after the response to a chunked body: hyper hides a Content-Length beside Transfer-Encoding. If
/// a proxy used it, the bytes after the body were meant to be part of it, and must not be parsed as a request (RFC 9112,
/// section 6.3).
fn close(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
}

/// Checks that the `Expect` header asks for nothing but `100 Continue`, which hyper sends when the body is read.
fn expectation<B>(request: &Request<B>) -> Result<(), Problem> {
    let mut expected = request.headers().get_all(header::EXPECT).iter();
    let met = expected.all(|value| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"100-continue"));
    if met { Ok(()) } else { Err(Problem::expectation_failed()) }
}

/// Limits a REST request's body and records its progress.
fn received(body: Incoming, call: &Call) -> Body {
    if body.is_end_stream() { Body::empty() } else { Body::new(RequestBody::rest(body, call.clone())) }
}

/// Returns the length of the request line `GET /path?query HTTP/1.1`.
fn request_line(method: &Method, uri: &Uri) -> usize {
    let target = uri.path_and_query().map_or(0, |target| target.as_str().len());
    method.as_str().len() + target + " ".len() + " HTTP/1.1".len()
}

async fn unknown_path(uri: Uri) -> Problem {
    match percent_decode_str(uri.path()).decode_utf8() {
        Ok(_) => Problem::of(Kind::NotFound, problem::UNKNOWN_PATH),
        Err(_) => Problem::invalid("path", "must be UTF-8"),
    }
}

/// Sets what is known only here, and logs what is not shown to the caller.
fn finish(response: &mut Response<Body>, mut problem: Problem, method: &Method, path: &str) {
    if let Some(cause) = problem.take_cause() {
        tracing::error!(%method, path, cause, "a request failed");
    }
    let body = problem.body(Some(path));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    *response.body_mut() = if method == Method::HEAD { Body::empty() } else { Body::from(body) };
}
