//! A server that responds to every request with an error, over HTTP/1.1 and HTTP/2.

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::io;
use tokio::net::TcpStream;

/// The body of an error over HTTP.
const PROBLEM: &str =
    r#"{"title":"Internal Server Error","status":500,"detail":"this instance is made to fail"}"#;

/// Serves `client` until it closes the connection.
pub(super) async fn serve(client: TcpStream) -> io::Result<()> {
    let service = service_fn(async |request: Request<Incoming>| Ok::<_, Infallible>(error(&request)));
    let builder = auto::Builder::new(TokioExecutor::new());
    builder.serve_connection(TokioIo::new(client), service).await.map_err(io::Error::other)
}

/// Returns the error for `request`: UNAVAILABLE for gRPC, otherwise status 500.
fn error<B>(request: &Request<B>) -> Response<Full<Bytes>> {
    let content_type = request.headers().get(CONTENT_TYPE);
    let grpc = content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"));
    let mut response = Response::new(Full::default());
    let headers = response.headers_mut();
    if grpc {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert("grpc-status", HeaderValue::from_static("14"));
        headers.insert("grpc-message", HeaderValue::from_static("this instance is made to fail"));
    } else {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        *response.body_mut() = Full::from(PROBLEM);
    }
    response
}
