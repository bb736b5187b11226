//! A response body whose bytes are charged to its connection until the peer has read them.

use super::budget::{Charge, REFUSED};
use axum::body::Body;
use bytes::{Buf, Bytes};
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A body whose chunks are charged when they are produced.
pub(super) struct Metered {
    inner: Body,
    /// Charged bytes that have not been produced yet.
    charge: Charge,
    protocol: Protocol,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http,
    Grpc,
    /// gRPC, after the status that replaces the rest.
    Refused,
}

/// Bytes that are charged until they are dropped.
pub(super) struct Chunk {
    bytes: Bytes,
    charge: Charge,
}

impl Metered {
    /// Wraps a REST response's body, with a `charge` for all of it if its length is known.
    pub(super) const fn http(inner: Body, charge: Charge) -> Self {
        Self { inner, charge, protocol: Protocol::Http }
    }

    /// Wraps a gRPC response's body: it is encoded when it is polled, and ends with a status if it exceeds the
    /// budget.
    pub(super) const fn grpc(inner: Body, charge: Charge) -> Self {
        Self { inner, charge, protocol: Protocol::Grpc }
    }

    fn refuse(&mut self) -> Result<Frame<Chunk>, axum::Error> {
        if self.protocol == Protocol::Http {
            return Err(axum::Error::new(REFUSED));
        }
        self.protocol = Protocol::Refused;
        self.inner = Body::empty();
        let mut trailers = HeaderMap::new();
        tonic::Status::unavailable(REFUSED).add_header(&mut trailers).map_err(axum::Error::new)?;
        Ok(Frame::trailers(trailers))
    }
}

impl http_body::Body for Metered {
    type Data = Chunk;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Chunk>, axum::Error>>> {
        let this = self.get_mut();
        let frame = match ready!(Pin::new(&mut this.inner).poll_frame(context)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            None => return Poll::Ready(None),
        };
        let charge = this.charge.split(frame.data_ref().map_or(0, Bytes::len));
        Poll::Ready(Some(match charge {
            Some(charge) => Ok(frame.map_data(|bytes| Chunk { bytes, charge })),
            None => this.refuse(),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.protocol == Protocol::Refused || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Buf for Chunk {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        self.charge.write(count);
    }
}
