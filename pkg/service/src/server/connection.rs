//! One connection: HTTP/1 or HTTP/2, whichever its first bytes say, until it ends or the server closes.

use super::dispatch::Dispatch;
use super::outbox::gather;
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

/// How long a new connection may say nothing.
const MAX_SILENCE: Duration = Duration::from_secs(5);

/// How long it may once the server closes: what it has sent may not have been seen yet.
const LAST_SILENCE: Duration = Duration::from_millis(50);

/// How an HTTP/2 connection begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Why a connection has ended before its time.
type Broken = Box<dyn std::error::Error + Send + Sync>;

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

fn http1() -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(HeadTimer::new()).header_read_timeout(Duration::from_secs(10));
    http
}

fn http2(executor: Begun) -> http2::Builder<Begun> {
    let mut http = http2::Builder::new(executor);
    http.timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(10))
        .max_concurrent_streams(250)
        // Room for a request line that is too long, so that it can be told.
        .max_header_list_size(128 * 1024);
    http
}

/// Serves `stream`; once `closing` is cancelled it ends after the calls in flight.
pub(super) async fn serve(stream: TcpStream, dispatch: Arc<Dispatch>, closing: CancellationToken) {
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
    let service = service_fn(move |request| {
        let dispatch = Arc::clone(&dispatch);
        async move { Ok::<_, Infallible>(dispatch.answer(request).await) }
    });
    let ended = match protocol {
        Protocol::Http1 => {
            let connection = http1().serve_connection(TokioIo::new(stream), service);
            drive(connection, |connection, context| connection.poll(context).map_err(Into::into), closing)
                .await
        }
        Protocol::Http2 => {
            let (stream, outbox) = gather(stream);
            let mut streams = Streams::default();
            let connection = http2(streams.executor()).serve_connection(TokioIo::new(stream), service);
            let poll = |connection: Pin<&mut _>, context: &mut Context<'_>| {
                let ended: Poll<()> = streams.poll(connection, context)?;
                // What the peer doesn't take yet wakes this task once it does.
                _ = outbox.poll_send(context)?;
                ended.map(Ok)
            };
            drive(connection, poll, closing).await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}

/// Polls `connection` by `poll` to its end, which comes after the calls in flight once `closing` is cancelled.
async fn drive<C: GracefulConnection>(
    connection: C,
    mut poll: impl FnMut(Pin<&mut C>, &mut Context<'_>) -> Poll<Result<(), Broken>>,
    closing: CancellationToken,
) -> Result<(), Broken> {
    let mut connection = pin!(connection);
    tokio::select! {
        // The connection first, so that a call which has arrived is answered though the server closes.
        biased;
        ended = poll_fn(|context| poll(connection.as_mut(), context)) => return ended,
        () = closing.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    poll_fn(|context| poll(connection.as_mut(), context)).await
}

/// Returns once the peer has said enough to tell which protocol it speaks.
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
        // What has been peeked at stays readable: only time can tell of more.
        sleep(Duration::from_millis(10)).await;
    }
}
