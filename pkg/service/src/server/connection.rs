//! One connection: HTTP/1 or HTTP/2, whichever its first bytes say, until it ends or the server closes.

use super::dispatch::Dispatch;
use super::streams::{Begun, Streams};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
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

/// How both protocols are spoken.
fn http(executor: Begun) -> Builder<Begun> {
    let mut http = Builder::new(executor);
    http.http1().timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(10));
    http.http2()
        .timer(TokioTimer::new())
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
    tokio::select! {
        spoken = timeout(MAX_SILENCE, speaks(&stream)) => if !matches!(spoken, Ok(Ok(()))) {
            return;
        },
        () = closed => return,
    }
    let service = service_fn(move |request| {
        let dispatch = Arc::clone(&dispatch);
        async move { Ok::<_, Infallible>(dispatch.answer(request).await) }
    });
    let mut streams = Streams::default();
    let http = http(streams.executor());
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        // The connection first, so that a call which has arrived is answered though the server closes.
        biased;
        ended = streams.drive(connection.as_mut()) => ended,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            streams.drive(connection).await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}

/// Returns once the peer has said enough to tell which protocol it speaks.
async fn speaks(stream: &TcpStream) -> std::io::Result<()> {
    let mut start = [0; PREFACE.len()];
    loop {
        let len = stream.peek(&mut start).await?;
        let undecided = 0 < len && len < PREFACE.len() && PREFACE.starts_with(&start[..len]);
        if !undecided {
            return Ok(());
        }
        // What has been peeked at stays readable: only time can tell of more.
        sleep(Duration::from_millis(10)).await;
    }
}
