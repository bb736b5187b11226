//! Closing an HTTP/1 connection whose peer may still be sending.
//!
//! If a socket is closed while it holds unread bytes, or before further bytes arrive, the kernel resets the connection,
//! and the peer may lose the response before having read it. Therefore, only the write side is closed at first; what the
//! peer still sends is read and dropped until it closes too, within limits.

use super::budget::Account;
use crate::layer::MAX_DISCARDED;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// The time limit of lingering.
const TOTAL: Duration = Duration::from_secs(30);

/// The time limit without a byte from the peer.
const SILENCE: Duration = Duration::from_secs(5);

/// A stream that lingers when it is shut down, if its account says so.
pub(super) struct Lingering<S> {
    stream: S,
    account: Arc<Account>,
    rest: Option<Box<Rest>>,
}

/// What is allowed to follow the last response.
struct Rest {
    bytes: usize,
    until: Instant,
    silence: Pin<Box<Sleep>>,
}

impl Rest {
    fn new() -> Self {
        let now = Instant::now();
        Self { bytes: MAX_DISCARDED, until: now + TOTAL, silence: Box::pin(sleep_until(now + SILENCE)) }
    }

    /// Reads until the peer closes, fails or exceeds a limit.
    fn poll_discard<S: AsyncRead + Unpin>(&mut self, stream: &mut S, context: &mut Context<'_>) -> Poll<()> {
        let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
        loop {
            let mut read = ReadBuf::uninit(&mut buffer);
            match Pin::new(&mut *stream).poll_read(context, &mut read) {
                Poll::Ready(Ok(())) if !read.filled().is_empty() => {
                    let Some(rest) = self.bytes.checked_sub(read.filled().len()) else {
                        return Poll::Ready(());
                    };
                    self.bytes = rest;
                    let now = Instant::now();
                    if now >= self.until {
                        return Poll::Ready(());
                    }
                    self.silence.as_mut().reset(self.until.min(now + SILENCE));
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return self.silence.as_mut().poll(context),
            }
        }
    }
}

impl<S> Lingering<S> {
    pub(super) fn new(stream: S, account: &Arc<Account>) -> Self {
        Self { stream, account: Arc::clone(account), rest: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.rest.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
            if !this.account.is_lingering() {
                return Poll::Ready(Ok(()));
            }
        }
        let rest = this.rest.get_or_insert_with(|| Box::new(Rest::new()));
        rest.poll_discard(&mut this.stream, context).map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::budget::{Budget, Limits};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::sleep;

    /// Shuts a lingering stream down beside its peer; returns how long that took.
    async fn closes<F: Future>(lingering: bool, peer: impl FnOnce(DuplexStream) -> F) -> Duration {
        let account = Account::new(&Budget::new(Limits::DEFAULT), None);
        account.set_lingering(lingering);
        let (stream, other) = duplex(64 * 1024);
        let mut stream = Lingering::new(stream, &account);
        let began = Instant::now();
        tokio::select! {
            ended = stream.shutdown() => ended.unwrap(),
            _ = async { peer(other).await; std::future::pending::<()>().await } => {}
        }
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn peer_sees_the_end_at_once_and_may_send_until_it_closes() {
        let took = closes(true, |mut peer: DuplexStream| async move {
            assert_eq!(peer.read(&mut [0]).await.unwrap(), 0);
            sleep(Duration::from_secs(3)).await;
            peer.write_all(&[0; 100_000]).await.unwrap();
            sleep(Duration::from_secs(3)).await;
            drop(peer);
        });
        assert_eq!(took.await, Duration::from_secs(6));
    }

    #[tokio::test(start_paused = true)]
    async fn silent_slow_and_endless_peers_are_cut_off() {
        let silent = closes(true, |peer| async move {
            sleep(Duration::from_secs(60)).await;
            drop(peer);
        });
        assert_eq!(silent.await, SILENCE);
        let slow = closes(true, |mut peer| async move {
            loop {
                sleep(Duration::from_secs(1)).await;
                _ = peer.write_all(&[0]).await;
            }
        });
        assert_eq!(slow.await, TOTAL);
        let sent = std::cell::Cell::new(0);
        let count = &sent;
        let endless = closes(true, |mut peer| async move {
            while peer.write_all(&[0; 64 * 1024]).await.is_ok() {
                count.set(count.get() + 64 * 1024);
            }
        });
        assert_eq!(endless.await, Duration::ZERO);
        let sent = sent.get();
        assert!((MAX_DISCARDED - 64 * 1024..MAX_DISCARDED + 256 * 1024).contains(&sent), "{sent}");
    }

    #[tokio::test(start_paused = true)]
    async fn other_connection_closes_at_once() {
        let took = closes(false, |peer| async move {
            sleep(Duration::from_secs(1)).await;
            drop(peer);
        });
        assert_eq!(took.await, Duration::ZERO);
    }
}
