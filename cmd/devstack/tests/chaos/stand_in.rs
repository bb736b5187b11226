//! A rating instance that misbehaves on demand: a proxy in front of a real one, which records when it was called.

use bytes::Bytes;
use http_body_util::{Either, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The counted calls; the health checks of connecting callers are not counted.
const CALLS: &str = "/rating.v1.RatingService/";

/// What happens to a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Does {
    /// It is forwarded.
    Forward,
    /// It fails with UNAVAILABLE immediately.
    Refuse,
    /// It is forwarded, and the response delayed.
    Delay(Duration),
}

/// The proxy; it ends on drop.
pub(crate) struct StandIn {
    port: u16,
    shared: Arc<Shared>,
    _stop: DropGuard,
}

struct Shared {
    behind: String,
    client: Client<HttpConnector, Incoming>,
    does: Mutex<Does>,
    calls: Mutex<Vec<Instant>>,
}

type Answer = Response<Either<Empty<Bytes>, Incoming>>;

impl StandIn {
    /// Starts a proxy for the rating instance at the authority `behind`.
    pub(crate) async fn start(behind: &str, does: Does) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            behind: behind.to_owned(),
            client: Client::builder(TokioExecutor::new()).http2_only(true).build_http(),
            does: Mutex::new(does),
            calls: Mutex::default(),
        });
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(serve(listener, shared.clone())));
        Self { port, shared, _stop: stop.drop_guard() }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Sets what happens to each call from now on.
    pub(crate) fn now(&self, does: Does) {
        *self.shared.does.lock().unwrap() = does;
    }

    /// Returns the times of the calls in order.
    pub(crate) fn calls(&self) -> Vec<Instant> {
        self.shared.calls.lock().unwrap().clone()
    }

    /// Returns the number of calls at `from` or later.
    pub(crate) fn calls_since(&self, from: Instant) -> usize {
        self.shared.calls.lock().unwrap().iter().filter(|&&call| call >= from).count()
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let shared = shared.clone();
        let service = service_fn(move |request| {
            let shared = shared.clone();
            async move { shared.answer(request).await }
        });
        let connection =
            http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection);
    }
}

impl Shared {
    async fn answer(&self, request: Request<Incoming>) -> Result<Answer, hyper_util::client::legacy::Error> {
        if request.uri().path().starts_with(CALLS) {
            self.calls.lock().unwrap().push(Instant::now());
            let does = *self.does.lock().unwrap();
            match does {
                Does::Forward => {}
                Does::Refuse => return Ok(unavailable()),
                Does::Delay(time) => sleep(time).await,
            }
        }
        let (mut head, body) = request.into_parts();
        let uri = Uri::builder().scheme("http").authority(self.behind.as_str());
        head.uri = uri.path_and_query(head.uri.path()).build().unwrap();
        Ok(self.client.request(Request::from_parts(head, body)).await?.map(Either::Right))
    }
}

/// A gRPC status without a message, as sent by a draining service.
fn unavailable() -> Answer {
    Response::builder()
        .header("content-type", "application/grpc")
        .header("grpc-status", "14")
        .body(Either::Left(Empty::new()))
        .unwrap()
}

/// Accepts connections on the returned port, without ever responding, until the guard is dropped.
pub(crate) async fn black_hole() -> (u16, DropGuard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let stop = CancellationToken::new();
    let swallow = async move {
        let mut swallowed = Vec::new();
        loop {
            swallowed.push(listener.accept().await.unwrap());
        }
    };
    tokio::spawn(stop.clone().run_until_cancelled_owned(swallow));
    (port, stop.drop_guard())
}
