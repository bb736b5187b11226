//! Buffers the writes of an HTTP/2 connection while it is polled, and sends them together afterwards.
//!
//! h2 writes each frame of 256 bytes or more separately: a response of that size and its trailers are two system
//! calls that wake the peer twice, and so are the responses of two streams that are ready at the same time.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

#[cfg(test)]
mod tests;

/// The maximum number of buffered bytes.
const FULL: usize = 64 * 1024;

/// How often a full outbox is sent while the connection is polled, before other connections are served.
const BURST: usize = 4;

/// The capacity kept by an empty outbox.
const KEPT: usize = 16 * 1024;

/// A stream that sends only when its [`Outbox`] is sent or full.
pub(super) struct Gathered {
    reads: OwnedReadHalf,
    outbox: Outbox,
}

/// The unsent bytes of a [`Gathered`] stream.
#[derive(Clone)]
pub(super) struct Outbox(Arc<Mutex<Unsent>>);

struct Unsent {
    bytes: Vec<u8>,
    /// How often it was full since the last [`Outbox::poll_send`].
    filled: usize,
    writes: OwnedWriteHalf,
}

/// Buffers the writes to `stream` in an outbox. The caller must send it each time after polling the stream.
pub(super) fn gather(stream: TcpStream) -> (Gathered, Outbox) {
    let (reads, writes) = stream.into_split();
    let outbox = Outbox(Arc::new(Mutex::new(Unsent { bytes: Vec::new(), filled: 0, writes })));
    (Gathered { reads, outbox: outbox.clone() }, outbox)
}

impl Outbox {
    /// Sends everything, or as much as the peer accepts now; wakes when it accepts more.
    ///
    /// # Errors
    ///
    /// The system's error if the connection is broken.
    pub(super) fn poll_send(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut unsent = self.lock();
        unsent.filled = 0;
        unsent.poll_send(context)
    }

    fn lock(&self) -> MutexGuard<'_, Unsent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Unsent {
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.bytes.is_empty() {
            let sent = ready!(Pin::new(&mut self.writes).poll_write(context, &self.bytes))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.bytes.drain(..sent);
        }
        self.bytes.shrink_to(KEPT);
        Poll::Ready(Ok(()))
    }

    /// Buffers as many of `bytes` as fit.
    fn take(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(FULL - self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..taken]);
        taken
    }
}

impl AsyncRead for Gathered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.reads).poll_read(context, buffer)
    }
}

impl AsyncWrite for Gathered {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut unsent = self.outbox.lock();
        if unsent.bytes.len() == FULL {
            if unsent.filled == BURST {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            unsent.filled += 1;
            ready!(unsent.poll_send(context))?;
        }
        Poll::Ready(Ok(slices.iter().map(|slice| unsent.take(slice)).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Left to the outbox.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut unsent = self.outbox.lock();
        ready!(unsent.poll_send(context))?;
        Pin::new(&mut unsent.writes).poll_shutdown(context)
    }
}
