//! The limit of a REST request's body.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// The maximum size of a REST request's body, in bytes.
pub(crate) const MAX_BODY: usize = 1024 * 1024;

/// How much of a body that is too large is read and dropped: a client that is still sending when the
/// connection closes would lose the response.
const MAX_DISCARDED: usize = 16 * MAX_BODY;

/// The body is larger than [`MAX_BODY`].
#[derive(Debug, thiserror::Error)]
#[error("the body is larger than {MAX_BODY} bytes")]
struct TooLarge;

/// Returns true if reading a body failed because of the limit.
pub(crate) fn is_too_large(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| (**error).source()).any(|error| error.is::<TooLarge>())
}

/// A body that fails at its end if it was larger than [`MAX_BODY`], without storing more.
pub(crate) struct Capped<B> {
    inner: B,
    read: usize,
}

impl<B> Capped<B> {
    pub(crate) const fn new(inner: B) -> Self {
        Self { inner, read: 0 }
    }
}

impl<B> Body for Capped<B>
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
        loop {
            let frame = match ready!(Pin::new(&mut this.inner).poll_frame(context)) {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                None if this.read > MAX_BODY => return Poll::Ready(Some(Err(TooLarge.into()))),
                None => return Poll::Ready(None),
            };
            this.read += frame.data_ref().map_or(0, Bytes::len);
            if this.read <= MAX_BODY {
                return Poll::Ready(Some(Ok(frame)));
            }
            if this.read > MAX_DISCARDED {
                return Poll::Ready(Some(Err(TooLarge.into())));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.read <= MAX_BODY && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{StreamExt, stream};
    use http_body_util::{BodyExt, StreamBody};
    use std::cell::Cell;
    use std::convert::Infallible;

    const CHUNK: usize = 64 * 1024;

    fn body(chunks: usize, taken: &Cell<usize>) -> impl Body<Data = Bytes, Error = Infallible> + Unpin {
        StreamBody::new(stream::iter(0..chunks).map(|_| {
            taken.set(taken.get() + 1);
            Ok(Frame::data(Bytes::from_static(&[0; CHUNK])))
        }))
    }

    #[tokio::test]
    async fn body_of_exactly_the_limit_is_accepted() {
        let taken = Cell::new(0);
        let read = Capped::new(body(16, &taken)).collect().await.unwrap();
        assert_eq!(read.to_bytes().len(), MAX_BODY);
    }

    #[tokio::test]
    async fn larger_body_is_read_to_its_end_and_rejected() {
        let taken = Cell::new(0);
        let error = Capped::new(body(17, &taken)).collect().await.unwrap_err();
        assert!(is_too_large(&*error));
        assert_eq!(taken.get(), 17);
    }

    #[tokio::test]
    async fn endless_body_is_rejected_after_a_while() {
        let taken = Cell::new(0);
        let error = Capped::new(body(usize::MAX, &taken)).collect().await.unwrap_err();
        assert!(is_too_large(&*error));
        assert_eq!(taken.get(), MAX_DISCARDED / CHUNK + 1);
    }
}
