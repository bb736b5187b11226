//! Accepts connections and assigns them to the workers in turn.

use futures::FutureExt;
use std::io::{self, ErrorKind};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

/// A connection to be served by a worker's runtime.
pub(super) type Stream = std::net::TcpStream;

/// The shortest and longest pause after an error that may be transient, such as too many open files.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// The maximum number of connections that are still accepted once closing has begun.
const MAX_WAITING: usize = 1024;

/// Assigns the connections of `accept` to `workers` until `closing` is cancelled or no worker is left.
pub(super) async fn deal(
    mut accept: impl AsyncFnMut() -> io::Result<TcpStream>,
    workers: Vec<UnboundedSender<Stream>>,
    closing: CancellationToken,
) {
    let mut dealer = Dealer { workers, next: 0 };
    let mut pause = PAUSES.0;
    while let Some(accepted) = closing.run_until_cancelled(accept()).await {
        match accepted {
            Ok(stream) => {
                pause = PAUSES.0;
                if !dealer.deal(stream) {
                    return;
                }
            }
            Err(error) if is_the_peers(&error) => {}
            Err(error) => {
                if pause == PAUSES.0 {
                    tracing::error!(%error, "can't accept connections, retrying");
                }
                _ = closing.run_until_cancelled(tokio::time::sleep(pause)).await;
                pause = (pause * 2).min(PAUSES.1);
            }
        }
    }
    for _ in 0..MAX_WAITING {
        let Some(Ok(stream)) = accept().now_or_never() else {
            return;
        };
        dealer.deal(stream);
    }
}

/// Returns true if an error affects only one connection.
fn is_the_peers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused
    )
}

struct Dealer {
    workers: Vec<UnboundedSender<Stream>>,
    next: usize,
}

impl Dealer {
    /// Passes `stream` to the next worker; returns false if none is left.
    fn deal(&mut self, stream: TcpStream) -> bool {
        let Ok(mut stream) = stream.into_std() else {
            return true;
        };
        for _ in 0..self.workers.len() {
            self.next = (self.next + 1) % self.workers.len();
            match self.workers[self.next].send(stream) {
                Ok(()) => return true,
                Err(returned) => stream = returned.0,
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;
    use tokio::net::TcpListener;
    use tokio::sync::mpsc::unbounded_channel;

    async fn pair() -> TcpStream {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (stream, accepted) =
            tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        accepted.unwrap();
        stream.unwrap()
    }

    #[tokio::test]
    async fn connections_are_assigned_in_turn_skipping_ended_workers() {
        let mut accepted: VecDeque<_> = [pair().await, pair().await, pair().await, pair().await].into();
        let (first, mut to_first) = unbounded_channel();
        let (gone, to_gone) = unbounded_channel();
        let (last, mut to_last) = unbounded_channel();
        drop(to_gone);
        let closing = CancellationToken::new();
        let close = closing.clone();
        let accept = async move || match accepted.pop_front() {
            Some(stream) => Ok(stream),
            None => {
                close.cancel();
                std::future::pending().await
            }
        };
        deal(accept, vec![first, gone, last], closing).await;
        assert_eq!((to_first.len(), to_last.len()), (2, 2));
        assert!(to_first.try_recv().is_ok() && to_last.try_recv().is_ok());
    }

    #[tokio::test]
    async fn errors_neither_end_loop_nor_make_it_spin() {
        let mut stream = Some(pair().await);
        let (worker, to_worker) = unbounded_channel();
        let closing = CancellationToken::new();
        let close = closing.clone();
        let mut calls = 0;
        let accept = async move || {
            calls += 1;
            match calls {
                1 => Err(ErrorKind::ConnectionAborted.into()),
                // Too many open files.
                2..=6 => Err(io::Error::from_raw_os_error(24)),
                7 => Ok(stream.take().unwrap()),
                _ => {
                    close.cancel();
                    std::future::pending().await
                }
            }
        };
        let began = std::time::Instant::now();
        deal(accept, vec![worker], closing).await;
        assert_eq!(to_worker.len(), 1);
        assert!(began.elapsed() >= Duration::from_millis(10 + 20 + 40 + 80 + 160), "{:?}", began.elapsed());
    }
}
