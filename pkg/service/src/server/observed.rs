//! The span of a request, and its id in the response.

use http::header::HeaderName;
use http::{Method, Request, Response, StatusCode};
use trace::{Parent, REQUEST_ID, Span, SpanKind, Tracer};

/// Starts the span of `request`; nothing if it is not sampled. Probes and scrapes are sampled only if their caller asks.
pub(super) fn span<B>(tracer: &Tracer, request: &Request<B>, parent: Option<&Parent>) -> Span {
    if !tracer.is_enabled() || parent.is_none() && is_probe(request.uri().path()) {
        return Span::none();
    }
    tracer.enter(method_name(request.method()), SpanKind::Server, parent)
}

fn is_probe(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz" | "/metrics" | "/openapi.json" | "/admin/log")
        || path.starts_with("/grpc.")
}

/// Returns the name of a span whose route is not known.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        _ => "HTTP",
    }
}

/// Describes a REST request by OpenTelemetry's semantic conventions for HTTP servers.
pub(super) fn http(span: &Span, method: &Method, path: &str, route: Option<&str>, status: StatusCode) {
    if !span.is_recording() {
        return;
    }
    span.set("http.request.method", method_name(method));
    span.set("url.path", path.to_owned());
    span.set("http.response.status_code", i64::from(status.as_u16()));
    if let Some(route) = route {
        span.rename(|| format!("{} {route}", method_name(method)));
        span.set("http.route", route.to_owned());
    }
    if status.is_server_error() {
        span.set("error.type", status.as_str().to_owned());
        span.fail("");
    }
}

/// Names the span of a gRPC call after its `method` (`/metadata.v1.MetadataService/GetMetadata`), if it is known.
pub(super) fn method(span: &Span, method: Option<&str>) {
    if !span.is_recording() {
        return;
    }
    span.set("rpc.system", "grpc");
    let Some((service, method)) = method.and_then(|path| path.strip_prefix('/')?.split_once('/')) else {
        return;
    };
    span.rename(|| format!("{service}/{method}"));
    span.set("rpc.service", service.to_owned());
    span.set("rpc.method", method.to_owned());
}

/// Sets the id of the current request in its response: always if the caller gave one, otherwise if the request failed or
/// is sampled.
pub(super) fn identify<B>(response: &mut Response<B>) {
    let failed = response.status().is_client_error()
        || response.status().is_server_error()
        || response.headers().get(tonic::Status::GRPC_STATUS).is_some_and(|code| code != "0");
    let is_needed = failed || trace::current_ids().is_some();
    let id = if is_needed { trace::request_id() } else { trace::known_request_id() };
    if let Some(id) = id {
        response.headers_mut().insert::<&HeaderName>(&REQUEST_ID, id.header());
    }
}
