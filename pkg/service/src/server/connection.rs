//! One connection: HTTP/1 or HTTP/2, detected by its first bytes, until it ends or the server shuts down.

use super::budget::{self, Account, Budget};
use super::dispatch::Dispatch;
use super::linger::Lingering;
use super::outbox::gather;
use super::peer::Peer;
use super::streams::{Begun, Streams};
use super::timer::HeadTimer;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

#[cfg(test)]
mod tests;

/// The time limit of a new connection's first byte.
const MAX_SILENCE: Duration = Duration::from_secs(5);

/// The same during shutdown: bytes that the peer has sent may not have been seen yet.
const LAST_SILENCE: Duration = Duration::from_millis(50);

/// The first bytes of an HTTP/2 connection.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Time limits of waiting for the peer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For the next HTTP/1 request.
    pub(super) keep_alive: Duration,
    /// For the rest of an HTTP/1 request's head, from its first byte on.
    pub(super) head: Duration,
    /// For the peer to read responses.
    pub(super) read: Duration,
}

impl Patience {
    /// Returns the server's limits; idle connections are kept for `keep_alive`.
    pub(super) const fn with(keep_alive: Duration) -> Self {
        Self { keep_alive, head: Duration::from_secs(10), read: Duration::from_secs(15) }
    }
}

/// The reason why a connection was aborted.
type Broken = Box<dyn std::error::Error + Send + Sync>;

/// The protocol of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

fn http1(timer: HeadTimer, keep_alive: Duration) -> http1::Builder {
    let mut http = http1::Builder::new();
    // A client may shut down its side after its last request, and get the responses. One that is gone is detected when a
    // response is written to it.
    http.timer(timer).header_read_timeout(keep_alive).half_close(true);
    http
}

fn http2(executor: Begun) -> http2::Builder<Begun> {
    let mut http = http2::Builder::new(executor);
    http.timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(10))
        .max_concurrent_streams(250)
        // Room for a request line that is too long, so that the error can be sent.
        .max_header_list_size(128 * 1024);
    http
}

/// Serves `stream`; once `closing` is cancelled it ends after the calls in flight.
pub(super) async fn serve(
    stream: TcpStream,
    dispatch: Arc<Dispatch>,
    budget: Arc<Budget>,
    patience: Patience,
    closing: CancellationToken,
) {
    _ = stream.set_nodelay(true);
    let closed = async {
        closing.cancelled().await;
        sleep(LAST_SILENCE).await;
    };
    let protocol = tokio::select! {
        spoken = timeout(MAX_SILENCE, speaks(&stream)) => match spoken {
            Ok(Ok(protocol)) => protocol,
            Ok(Err(_)) | Err(_) => return,
        },
        () = closed => return,
    };
    let account = Account::new(&budget, stream.peer_addr().ok());
    let service = service_fn(|request| {
        let (dispatch, pending) = (Arc::clone(&dispatch), budget::Request::new(&account));
        async move { Ok::<_, Infallible>(dispatch.answer(request, pending).await) }
    });
    let ended = match protocol {
        Protocol::Http1 => {
            let timer = HeadTimer::new(patience.head);
            let stream = TokioIo::new(Lingering::new(timer.watch(stream), &account));
            let connection = http1(timer, patience.keep_alive).serve_connection(stream, service);
            let peer = Peer { account: &account, read: patience.read, may_send_slowly: true };
            drive(
                connection,
                |connection, context| connection.poll(context).map_err(Into::into),
                peer,
                closing,
            )
            .await
        }
        Protocol::Http2 => {
            let (stream, outbox) = gather(stream);
            let mut streams = Streams::default();
            let connection = http2(streams.executor()).serve_connection(TokioIo::new(stream), service);
            let poll = |connection: Pin<&mut _>, context: &mut Context<'_>| {
                let ended: Poll<()> = streams.poll(connection, context)?;
                // When the peer accepts more data, it wakes this task.
                _ = outbox.poll_send(context)?;
                ended.map(Ok)
            };
            let peer = Peer { account: &account, read: patience.read, may_send_slowly: false };
            drive(connection, poll, peer, closing).await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection failed");
    }
}

/// Polls `connection` with `poll` to its end, which follows the calls in flight once `closing` is cancelled, or until
/// the peer no longer takes part.
async fn drive<C: GracefulConnection>(
    connection: C,
    mut poll: impl FnMut(Pin<&mut C>, &mut Context<'_>) -> Poll<Result<(), Broken>>,
    peer: Peer<'_>,
    closing: CancellationToken,
) -> Result<(), Broken> {
    let mut connection = pin!(connection);
    tokio::select! {
        // The connection first, so that a call that has arrived is served although the server is closing.
        biased;
        ended = poll_fn(|context| poll(connection.as_mut(), context)) => return ended,
        () = peer.stops_reading() => return Err("the peer does not read the responses".into()),
        () = closing.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        biased;
        ended = poll_fn(|context| poll(connection.as_mut(), context)) => ended,
        () = peer.is_done() => Err("the peer does not close".into()),
    }
}

/// Returns once the peer has sent enough to detect its protocol.
async fn speaks(stream: &TcpStream) -> std::io::Result<Protocol> {
    let mut start = [0; PREFACE.len()];
    loop {
        let len = stream.peek(&mut start).await?;
        if len == 0 || !PREFACE.starts_with(&start[..len]) {
            return Ok(Protocol::Http1);
        }
        if len == PREFACE.len() {
            return Ok(Protocol::Http2);
        }
        // Peeked bytes remain readable, so readiness does not signal more: only time does.
        sleep(Duration::from_millis(10)).await;
    }
}
