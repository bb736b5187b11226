//! What is the most that a server on hyper can answer here: a static body, no routes, no metrics, no log?
//!
//! `cargo run --release -p service --example raw -- http1|http2|grpc SIZE` prints its address and answers every request
//! with SIZE bytes until it is killed; `grpc` sends them in a message's frame, with the status in trailers. It is
//! the yardstick of `bench/run`: the multi-thread runtime and the allocator of the services, nothing else of theirs.

#![expect(clippy::print_stdout, reason = "an example tells where it listens")]

use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::error::Error;
use tokio::net::{TcpListener, TcpStream};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "usage: raw http1|http2|grpc SIZE";

#[derive(Clone, Copy)]
enum Form {
    Http1,
    Http2,
    Grpc,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [form, size] = arguments.as_slice() else { return Err(USAGE.into()) };
    let form = match form.as_str() {
        "http1" => Form::Http1,
        "http2" => Form::Http2,
        "grpc" => Form::Grpc,
        _ => return Err(USAGE.into()),
    };
    let answer = answer(form, size.parse()?)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let answer = answer.clone();
        tokio::spawn(async move {
            // A loader that hangs up is no news.
            _ = match form {
                Form::Http1 => speak_http1(stream, answer).await,
                Form::Http2 => speak_http2(stream, move || whole(&answer)).await,
                Form::Grpc => speak_http2(stream, move || framed(&answer)).await,
            };
        });
    }
}

/// The body of every answer: SIZE bytes, the first five of which say in a gRPC message how long the rest is.
fn answer(form: Form, size: usize) -> Result<Bytes, Box<dyn Error>> {
    let mut answer = vec![b' '; size];
    if matches!(form, Form::Grpc) {
        let len = u32::try_from(size.checked_sub(5).ok_or("a gRPC message has at least 5 bytes")?)?;
        answer[0] = 0;
        answer[1..5].copy_from_slice(&len.to_be_bytes());
    }
    Ok(answer.into())
}

async fn speak_http1(stream: TcpStream, answer: Bytes) -> hyper::Result<()> {
    _ = stream.set_nodelay(true);
    let service = service_fn(move |_: Request<Incoming>| {
        let answer = whole(&answer);
        async move { Ok::<_, Infallible>(answer) }
    });
    http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
}

async fn speak_http2<B>(stream: TcpStream, answer: impl Fn() -> Response<B>) -> hyper::Result<()>
where
    B: http_body::Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    _ = stream.set_nodelay(true);
    let service = service_fn(move |_: Request<Incoming>| {
        let answer = answer();
        async move { Ok::<_, Infallible>(answer) }
    });
    http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await
}

fn whole(answer: &Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(answer.clone()));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn framed(answer: &Bytes) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    let status = (header::HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"));
    let frames = [Frame::data(answer.clone()), Frame::trailers(HeaderMap::from_iter([status]))];
    let body = StreamBody::new(stream::iter(frames.map(Ok))).boxed_unsync();
    let mut response = Response::new(body);
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(header::CONTENT_TYPE, grpc);
    response
}
