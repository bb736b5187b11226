//! Yardsticks for `bench/run`: how much can a server on hyper do without routes, metrics, deadlines or log?
//!
//! `cargo run --profile dist -p service --example raw -- FORM SIZE [BACKEND BACKEND]` prints its address and responds to
//! every request with a static body of SIZE bytes until it is killed. FORM is
//! - `http1` or `http2`: one hop;
//! - `grpc`: the same over HTTP/2, in the frame of a message, with the status in trailers;
//! - `join1` or `join2`: as many hops as a movie takes. For each request over HTTP/1 or HTTP/2, it calls both backends
//!   (`host:port` of two `http2` or `grpc` servers) at once, over connections that are kept, reads their responses and
//!   discards them.
//!
//! It has the multi-thread runtime and the allocator of the services, and nothing else of theirs.

#![expect(clippy::print_stdout, reason = "an example prints its address")]

use bytes::Bytes;
use futures::{StreamExt, stream};
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::error::Error;
use std::future::ready;
use std::io;
use tokio::net::{TcpListener, TcpStream};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "usage: raw http1|http2|grpc SIZE, or raw join1|join2 SIZE BACKEND BACKEND";

type Failed = Box<dyn Error + Send + Sync>;

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Http1,
    Http2,
    Grpc,
    Join1,
    Join2,
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [form, size, backends @ ..] = arguments.as_slice() else { return Err(USAGE.into()) };
    let form = match (form.as_str(), backends.len()) {
        ("http1", 0) => Form::Http1,
        ("http2", 0) => Form::Http2,
        ("grpc", 0) => Form::Grpc,
        ("join1", 2) => Form::Join1,
        ("join2", 2) => Form::Join2,
        _ => return Err(USAGE.into()),
    };
    let body = body(form, size.parse()?)?;
    let connections = stream::iter(0..cores()).then(|_| Backends::connect(backends));
    let connections: Vec<Backends> =
        connections.collect::<Vec<_>>().await.into_iter().collect::<Result<_, _>>()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    for backends in connections.iter().cycle() {
        let (stream, _) = listener.accept().await?;
        let (body, backends) = (body.clone(), backends.clone());
        tokio::spawn(async move {
            // A client that disconnects is not an error.
            _ = serve(stream, form, body, backends).await;
        });
    }
    Ok(())
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The body of every response: SIZE bytes, the first five of which are the prefix of a gRPC message.
fn body(form: Form, size: usize) -> Result<Bytes, Failed> {
    let mut body = vec![b' '; size];
    if form == Form::Grpc {
        let len = u32::try_from(size.checked_sub(5).ok_or("a gRPC message has at least 5 bytes")?)?;
        body[0] = 0;
        body[1..5].copy_from_slice(&len.to_be_bytes());
    }
    Ok(body.into())
}

async fn serve(stream: TcpStream, form: Form, body: Bytes, backends: Backends) -> Result<(), Failed> {
    _ = stream.set_nodelay(true);
    let joined = move |body: &Bytes| {
        let (called, response) = (backends.clone().call(), whole(body));
        async move { called.await.map(|()| response) }
    };
    match form {
        Form::Http1 => over_http1(stream, move || ready(Ok(whole(&body)))).await,
        Form::Http2 => over_http2(stream, move || ready(Ok(whole(&body)))).await,
        Form::Grpc => over_http2(stream, move || ready(Ok(framed(&body)))).await,
        Form::Join1 => over_http1(stream, move || joined(&body)).await,
        Form::Join2 => over_http2(stream, move || joined(&body)).await,
    }
}

async fn over_http1<F>(stream: TcpStream, respond: impl Fn() -> F) -> Result<(), Failed>
where
    F: Future<Output = io::Result<Response<Full<Bytes>>>>,
{
    let service = service_fn(move |_: Request<Incoming>| respond());
    Ok(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await?)
}

async fn over_http2<B, F>(stream: TcpStream, respond: impl Fn() -> F) -> Result<(), Failed>
where
    B: http_body::Body<Data = Bytes, Error = Infallible> + Send + 'static,
    F: Future<Output = io::Result<Response<B>>> + Send + 'static,
{
    let service = service_fn(move |_: Request<Incoming>| respond());
    Ok(http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await?)
}

fn whole(body: &Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.clone()));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn framed(body: &Bytes) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    let status = (header::HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"));
    let frames = [Frame::data(body.clone()), Frame::trailers(HeaderMap::from_iter([status]))];
    let body = StreamBody::new(stream::iter(frames.map(Ok))).boxed_unsync();
    let mut response = Response::new(body);
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(header::CONTENT_TYPE, grpc);
    response
}

/// One connection to each backend.
#[derive(Clone)]
struct Backends(Vec<SendRequest<Empty<Bytes>>>);

impl Backends {
    async fn connect(addresses: &[String]) -> Result<Self, Failed> {
        let mut connections = Vec::new();
        for address in addresses {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let client = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
            let (sender, connection) = client.handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            connections.push(sender);
        }
        Ok(Self(connections))
    }

    async fn call(self) -> io::Result<()> {
        let call = |mut sender: SendRequest<_>| async move {
            let request = Request::get("http://backend/").body(Empty::new()).map_err(io::Error::other)?;
            let response = sender.send_request(request).await.map_err(io::Error::other)?;
            response.into_body().collect().await.map_err(io::Error::other)
        };
        let mut senders = self.0.into_iter();
        let (Some(one), Some(other)) = (senders.next(), senders.next()) else { return Ok(()) };
        tokio::try_join!(call(one), call(other)).map(|_| ())
    }
}
