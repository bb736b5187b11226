//! The body of a request: the limit of its size, and its progress for the time limits.

use super::Call;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// The maximum size of a REST request's body, in bytes.
pub(crate) const MAX_BODY: usize = 1024 * 1024;

/// How much of a body that is too large or not wanted is read and dropped: a client that is still sending when the
/// connection closes would lose the response.
pub(crate) const MAX_DISCARDED: usize = 16 * MAX_BODY;

/// The body is larger than [`MAX_BODY`].
#[derive(Debug, thiserror::Error)]
#[error("the body is larger than {MAX_BODY} bytes")]
struct TooLarge;

/// Returns true if reading a body failed because of the limit.
pub(crate) fn is_too_large(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| (**error).source()).any(|error| error.is::<TooLarge>())
}

/// A request's body. It fails at its end if it was larger than the limit, without storing more, and records in the
/// [`Call`] when it is read and whether it was read to its end.
pub(crate) struct RequestBody<B: Body> {
    inner: B,
    /// The maximum size.
    max: usize,
    read: usize,
    call: Call,
    progress: Progress,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Untouched,
    Reading,
    Ended,
}

impl<B: Body> RequestBody<B> {
    /// Wraps the body of a REST request, limited to [`MAX_BODY`].
    pub(crate) const fn rest(inner: B, call: Call) -> Self {
        Self { inner, max: MAX_BODY, read: 0, call, progress: Progress::Untouched }
    }

    /// Wraps the body of a gRPC request; tonic limits the size of each message.
    pub(crate) const fn grpc(inner: B, call: Call) -> Self {
        Self { inner, max: usize::MAX, read: 0, call, progress: Progress::Untouched }
    }

    fn end(&mut self) {
        self.progress = Progress::Ended;
        self.call.end_body();
    }
}

impl<B: Body> Drop for RequestBody<B> {
    fn drop(&mut self) {
        if self.progress != Progress::Ended && !self.inner.is_end_stream() {
            self.call.abandon_body();
        }
        if self.progress == Progress::Reading {
            self.end();
        }
    }
}

impl<B> Body for RequestBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        if this.progress == Progress::Untouched {
            this.progress = Progress::Reading;
            this.call.begin_body();
        }
        loop {
            let frame = match ready!(Pin::new(&mut this.inner).poll_frame(context)) {
                Some(Ok(frame)) => frame,
                ended => {
                    this.end();
                    return Poll::Ready(match ended {
                        Some(Err(error)) => Some(Err(error.into())),
                        _ if this.read > this.max => Some(Err(TooLarge.into())),
                        _ => None,
                    });
                }
            };
            this.read += frame.data_ref().map_or(0, Bytes::len);
            if this.read <= this.max {
                return Poll::Ready(Some(Ok(frame)));
            }
            if this.read > MAX_DISCARDED {
                return Poll::Ready(Some(Err(TooLarge.into())));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.read <= self.max && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::Limits;
    use futures::{StreamExt, stream};
    use http_body_util::{BodyExt, StreamBody};
    use std::cell::Cell;
    use std::convert::Infallible;
    use std::time::{Duration, Instant};

    const CHUNK: usize = 64 * 1024;

    fn body(chunks: usize, taken: &Cell<usize>) -> impl Body<Data = Bytes, Error = Infallible> + Unpin {
        StreamBody::new(stream::iter(0..chunks).map(|_| {
            taken.set(taken.get() + 1);
            Ok(Frame::data(Bytes::from_static(&[0; CHUNK])))
        }))
    }

    fn call() -> Call {
        let limits = Limits { request: Duration::from_secs(2), body: Duration::from_secs(30) };
        Call::new(Instant::now(), limits, Duration::MAX, false, None)
    }

    fn rest<B: Body>(inner: B) -> RequestBody<B> {
        RequestBody::rest(inner, call())
    }

    #[tokio::test]
    async fn body_of_exactly_the_limit_is_accepted() {
        let taken = Cell::new(0);
        let read = rest(body(16, &taken)).collect().await.unwrap();
        assert_eq!(read.to_bytes().len(), MAX_BODY);
    }

    #[tokio::test]
    async fn larger_body_is_read_to_its_end_and_rejected() {
        let taken = Cell::new(0);
        let error = rest(body(17, &taken)).collect().await.unwrap_err();
        assert!(is_too_large(&*error));
        assert_eq!(taken.get(), 17);
    }

    #[tokio::test]
    async fn endless_body_is_rejected_after_a_while() {
        let taken = Cell::new(0);
        let error = rest(body(usize::MAX, &taken)).collect().await.unwrap_err();
        assert!(is_too_large(&*error));
        assert_eq!(taken.get(), MAX_DISCARDED / CHUNK + 1);
    }

    #[tokio::test]
    async fn body_dropped_before_its_end_is_abandoned() {
        let taken = Cell::new(0);
        for (frames, abandoned) in [(0, true), (1, true), (2, true), (3, false)] {
            let call = call();
            let mut read = RequestBody::rest(body(2, &taken), call.clone());
            for _ in 0..frames {
                read.frame().await.transpose().unwrap();
            }
            assert!(!call.has_abandoned_body());
            drop(read);
            assert_eq!(call.has_abandoned_body(), abandoned, "{frames}");
        }
    }
}
