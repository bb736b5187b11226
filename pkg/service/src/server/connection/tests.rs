//! Connections against peers that do not read, do not send and do not close.

use super::*;
use crate::Metrics;
use crate::layer::{Limits, Parameters};
use crate::server::budget;
use crate::server::dispatch::Watched;
use axum::body::Body;
use axum::routing::{get, post};
use bytes::Bytes;
use futures::future::join_all;
use h2::client::{Connection, SendRequest};
use http::{Request, Response, StatusCode};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// The time limit of any wait in a test.
const SOON: Duration = Duration::from_secs(15);

const LARGE: usize = 60_000;
const LIMITS: budget::Limits = budget::Limits { start: 100_000, connection: 300_000, process: 200_000_000 };
const PATIENCE: Patience = Patience { keep_alive: SOON, head: SOON, read: SOON };

/// The state shared by handlers and test.
struct Shared {
    started: AtomicUsize,
    released: Semaphore,
}

struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    closing: CancellationToken,
    connections: Arc<tokio::sync::Mutex<JoinSet<()>>>,
}

impl Server {
    async fn start(patience: Patience) -> Self {
        let shared = Arc::new(Shared { started: AtomicUsize::new(0), released: Semaphore::new(0) });
        let (large, held, grpc_large) = (Arc::clone(&shared), Arc::clone(&shared), Arc::clone(&shared));
        let rest = axum::Router::new()
            .route("/small", get(async || "small"))
            .route("/huge", get(async || vec![b'x'; 64 << 20]))
            .route(
                "/large",
                get(async move || {
                    large.started.fetch_add(1, Ordering::Relaxed);
                    vec![b'x'; LARGE]
                }),
            )
            .route(
                "/held",
                get(async move || {
                    held.started.fetch_add(1, Ordering::Relaxed);
                    held.released.acquire().await.unwrap().forget();
                    vec![b'x'; LARGE]
                }),
            );
        let grpc_held = async move || {
            grpc_large.started.fetch_add(1, Ordering::Relaxed);
            grpc_large.released.acquire().await.unwrap().forget();
            let body = futures::stream::iter([Ok::<_, Infallible>(Bytes::from(vec![0; LARGE]))]);
            Response::builder()
                .header("content-type", "application/grpc")
                .body(Body::from_stream(body))
                .unwrap()
        };
        let mut grpc = tonic::service::Routes::default();
        let router = std::mem::take(grpc.axum_router_mut());
        *grpc.axum_router_mut() = router.route("/small.v1.Small/Held", post(grpc_held));
        let limits = Limits { request: Duration::from_secs(2), body: Duration::from_secs(30) };
        let parameters = Parameters::default();
        let dispatch = Dispatch::new(
            rest,
            grpc,
            Arc::default(),
            parameters,
            Watched { metrics: Metrics::new(), tracer: trace::Tracer::disabled(), access: None },
            limits,
            patience.keep_alive,
        );
        let dispatch = Arc::new(dispatch);

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let closing = CancellationToken::new();
        let connections = Arc::<tokio::sync::Mutex<JoinSet<()>>>::default();
        let (spawned, close) = (Arc::clone(&connections), closing.clone());
        let budget = Budget::new(LIMITS);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let served =
                    serve(stream, Arc::clone(&dispatch), Arc::clone(&budget), patience, close.clone());
                spawned.lock().await.spawn(served);
            }
        });
        Self { address, shared, closing, connections }
    }

    fn started(&self) -> usize {
        self.shared.started.load(Ordering::Relaxed)
    }

    /// Opens an HTTP/2 connection whose peer grants each stream `window` bytes.
    async fn http2(&self, window: u32) -> SendRequest<Bytes> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let mut builder = h2::client::Builder::new();
        let (client, connection): (_, Connection<TcpStream>) = builder
            .initial_window_size(window)
            .initial_connection_window_size(64 << 20)
            .handshake(stream)
            .await
            .unwrap();
        tokio::spawn(connection);
        client
    }

    async fn http1(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    /// Waits until another connection has ended.
    async fn ended(&self) {
        let next = async {
            while self.connections.lock().await.try_join_next().is_none() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        soon(next).await;
    }
}

async fn soon<F: Future>(event: F) -> F::Output {
    timeout(SOON, event).await.expect("nothing happened in time")
}

/// Sends `count` requests and receives the heads of their responses.
fn send(
    client: &mut SendRequest<Bytes>,
    request: &Request<()>,
    count: usize,
) -> impl Future<Output = Vec<Response<h2::RecvStream>>> + use<> {
    let mut heads = Vec::new();
    for _ in 0..count {
        heads.push(client.send_request(request.clone(), true).unwrap().0);
    }
    async { soon(join_all(heads)).await.into_iter().map(Result::unwrap).collect() }
}

/// Reads a response's body and returns its length.
async fn len(response: Response<h2::RecvStream>) -> usize {
    let (mut body, mut len) = (response.into_body(), 0);
    while let Some(chunk) = soon(body.data()).await {
        let chunk = chunk.unwrap();
        body.flow_control().release_capacity(chunk.len()).unwrap();
        len += chunk.len();
    }
    len
}

fn request(path: &str) -> Request<()> {
    Request::get(format!("http://localhost{path}")).body(()).unwrap()
}

fn count(responses: &[Response<h2::RecvStream>], status: StatusCode) -> usize {
    responses.iter().filter(|response| response.status() == status).count()
}

#[tokio::test]
async fn requests_wait_while_responses_are_unread_and_other_connections_are_served() {
    let server = Server::start(PATIENCE).await;
    let mut client = soon(server.http2(0).await.ready()).await.unwrap();
    let responses = tokio::spawn(send(&mut client, &request("/large"), 200));
    let mut other = server.http2(1 << 20).await;
    assert_eq!(count(&send(&mut other, &request("/large"), 1).await, StatusCode::OK), 1);

    let responses = soon(responses).await.unwrap();
    assert_eq!(count(&responses, StatusCode::OK), 2);
    assert_eq!(count(&responses, StatusCode::SERVICE_UNAVAILABLE), 198);
    assert_eq!(server.started(), 3);
}

#[tokio::test]
async fn responses_above_budget_are_rejected_when_all_handlers_end_at_once() {
    let server = Server::start(PATIENCE).await;
    let mut client = server.http2(0).await;
    let responses = tokio::spawn(send(&mut client, &request("/held"), 200));
    soon(async {
        while server.started() < 200 {
            sleep(Duration::from_millis(5)).await
        }
    })
    .await;
    server.shared.released.add_permits(200);
    let responses = soon(responses).await.unwrap();
    assert_eq!(count(&responses, StatusCode::OK), LIMITS.connection / LARGE);
    assert_eq!(count(&responses, StatusCode::SERVICE_UNAVAILABLE), 200 - LIMITS.connection / LARGE);
}

#[tokio::test]
async fn grpc_responses_above_budget_end_with_status() {
    let server = Server::start(PATIENCE).await;
    let mut client = server.http2(0).await;
    let mut call = Request::post("http://localhost/small.v1.Small/Held");
    call.headers_mut().unwrap().insert("content-type", "application/grpc".parse().unwrap());
    let responses = tokio::spawn(send(&mut client, &call.body(()).unwrap(), 20));
    soon(async {
        while server.started() < 20 {
            sleep(Duration::from_millis(5)).await
        }
    })
    .await;
    server.shared.released.add_permits(20);
    let mut refused = 0;
    for mut response in soon(responses).await.unwrap() {
        let trailers = timeout(Duration::from_millis(50), response.body_mut().trailers()).await;
        if let Ok(trailers) = trailers {
            assert_eq!(trailers.unwrap().unwrap()["grpc-status"], "14");
            refused += 1;
        }
    }
    assert_eq!(refused, 20 - LIMITS.connection / LARGE);
}

#[tokio::test]
async fn peer_that_reads_everything_gets_everything() {
    let server = Server::start(PATIENCE).await;
    let mut client = server.http2(1 << 20).await;
    let responses = send(&mut client, &request("/large"), 200).await;
    for response in responses {
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(len(response).await, LARGE);
    }
}

#[tokio::test]
async fn connection_whose_peer_stops_reading_is_closed() {
    let server = Server::start(Patience { read: Duration::from_millis(200), ..PATIENCE }).await;
    let mut client = server.http2(0).await;
    let _unread = send(&mut client, &request("/small"), 1).await;
    server.ended().await;
    let _unread = server.http1("GET /huge HTTP/1.1\r\nhost: x\r\n\r\n").await;
    server.ended().await;
}

#[tokio::test]
async fn closing_waits_for_calls_in_flight_and_not_for_inactive_peers() {
    let server = Server::start(PATIENCE).await;
    // An HTTP/2 peer that acknowledges nothing.
    let _silent = server.http1("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
    let _half = server.http1("GET /small HTTP/1.1\r\nhos").await;
    let _unread = server.http1("GET /huge HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut closed = server.http2(0).await;
    let _closed = send(&mut closed, &request("/large"), 1).await;
    let mut client = server.http2(1 << 20).await;
    let in_flight = tokio::spawn(send(&mut client, &request("/held"), 3));
    let mut http1 = server.http1("GET /held HTTP/1.1\r\nhost: x\r\n\r\n").await;
    soon(async {
        while server.started() < 5 {
            sleep(Duration::from_millis(5)).await
        }
    })
    .await;

    let began = Instant::now();
    server.closing.cancel();
    for _ in 0..4 {
        server.ended().await;
    }
    assert!(began.elapsed() < SOON / 2, "{:?}", began.elapsed());
    server.shared.released.add_permits(4);
    for response in soon(in_flight).await.unwrap() {
        assert_eq!(len(response).await, LARGE);
    }
    let mut response = Vec::new();
    soon(http1.read_to_end(&mut response)).await.unwrap();
    assert!(response.starts_with(b"HTTP/1.1 200 ") && response.len() > LARGE);
    server.ended().await;
    server.ended().await;
}

#[tokio::test]
async fn half_closed_connection_ends_after_its_responses() {
    let server = Server::start(PATIENCE).await;
    let shut = async |text: &str| {
        let mut stream = server.http1(text).await;
        stream.shutdown().await.unwrap();
        stream
    };
    let held = shut("GET /held HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let gone = server.http1("GET /held HTTP/1.1\r\nhost: x\r\n\r\n").await;
    soon(async {
        while server.started() < 2 {
            sleep(Duration::from_millis(5)).await
        }
    })
    .await;
    drop(gone);
    for text in ["", "GE", "GET /small HTTP/1.1\r\nho", SMALL, "GET /small HTTP/1.0\r\n\r\n"] {
        let began = Instant::now();
        let mut response = Vec::new();
        soon(shut(text).await.read_to_end(&mut response)).await.unwrap();
        assert_eq!(response.ends_with(b"small"), text.ends_with("\r\n\r\n"), "{text}: {response:?}");
        assert!(began.elapsed() < SOON / 2, "{text}");
        server.ended().await;
    }
    // A response that is larger than the buffers, and a peer that leaves in its midst.
    let mut response = Vec::new();
    let mut huge = shut("GET /huge HTTP/1.1\r\nhost: x\r\n\r\n").await;
    soon(huge.read_to_end(&mut response)).await.unwrap();
    assert!(response.len() > 64 << 20);
    server.ended().await;
    let mut left = shut("GET /huge HTTP/1.1\r\nhost: x\r\n\r\n").await;
    left.read_exact(&mut [0; 9]).await.unwrap();
    drop(left);
    server.ended().await;

    server.shared.released.add_permits(2);
    let (mut held, mut response) = (held, Vec::new());
    soon(held.read_to_end(&mut response)).await.unwrap();
    assert!(response.starts_with(b"HTTP/1.1 200 ") && response.len() > LARGE);
    server.ended().await;
    server.ended().await;
}

#[tokio::test]
async fn half_closed_idle_connection_and_pipelined_requests_end() {
    let server = Server::start(PATIENCE).await;
    let mut idle = server.http1(SMALL).await;
    small(&mut idle).await;
    idle.shutdown().await.unwrap();
    until_closed(&mut idle).await;
    server.ended().await;

    let mut pipelined = server.http1(&SMALL.repeat(40)).await;
    pipelined.shutdown().await.unwrap();
    let mut responses = String::new();
    soon(pipelined.read_to_string(&mut responses)).await.unwrap();
    assert_eq!(responses.matches("HTTP/1.1 200 ").count(), 40);
    server.ended().await;

    // The handler runs although its client may be gone, until it times out.
    let held = server.http1("GET /held HTTP/1.1\r\nhost: x\r\n\r\n").await;
    drop(held);
    server.ended().await;
}

/// Reads one response to `GET /small`.
async fn small(stream: &mut TcpStream) {
    let mut response = Vec::new();
    while !response.ends_with(b"small") {
        assert_ne!(soon(stream.read_buf(&mut response)).await.unwrap(), 0, "closed after {response:?}");
    }
    assert!(response.starts_with(b"HTTP/1.1 200 "));
}

/// Reads until the server closes.
async fn until_closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    // A reset is an end too.
    _ = soon(stream.read_to_end(&mut rest)).await;
    assert!(rest.is_empty(), "{rest:?}");
}

const SMALL: &str = "GET /small HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn idle_connection_outlives_head_limit_which_starts_with_first_byte() {
    let head = Duration::from_millis(300);
    let server = Server::start(Patience { keep_alive: 4 * SOON, head, ..PATIENCE }).await;
    let mut stream = server.http1(SMALL).await;
    small(&mut stream).await;
    sleep(3 * head).await;
    stream.write_all(SMALL.as_bytes()).await.unwrap();
    small(&mut stream).await;
    sleep(3 * head).await;
    let began = Instant::now();
    stream.write_all(b"GET /small HT").await.unwrap();
    until_closed(&mut stream).await;
    assert!(began.elapsed() >= head, "{:?}", began.elapsed());

    let mut fresh = server.http1("GET").await;
    until_closed(&mut fresh).await;
}

#[tokio::test]
async fn idle_connection_is_closed_after_keep_alive_unless_http2() {
    let keep_alive = Duration::from_millis(200);
    let server = Server::start(Patience { keep_alive, ..PATIENCE }).await;
    let mut client = server.http2(1 << 20).await;
    send(&mut client, &request("/small"), 1).await;
    let began = Instant::now();
    let mut stream = server.http1(SMALL).await;
    small(&mut stream).await;
    until_closed(&mut stream).await;
    assert!(began.elapsed() >= keep_alive, "{:?}", began.elapsed());
    send(&mut client, &request("/small"), 1).await;
}
