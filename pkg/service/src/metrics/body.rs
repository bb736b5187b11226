//! An answer's body that counts a gRPC call when its status comes: in the trailers.

use super::{Protocol, Recorder, Status};
use axum::body::{Body, Bytes};
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;
use tonic::Code;

/// A body and, for gRPC, the call to count at its end; one that is dropped before is `CANCELLED`.
pub(crate) struct Measured {
    inner: Body,
    call: Option<Call>,
}

struct Call {
    recorder: Arc<Recorder>,
    method: Option<Arc<str>>,
    began: Instant,
}

impl Measured {
    /// A body that has been counted.
    pub(crate) const fn plain(inner: Body) -> Self {
        Self { inner, call: None }
    }

    /// The body of a gRPC answer with these `headers`.
    pub(crate) fn grpc(
        inner: Body,
        headers: &HeaderMap,
        recorder: Arc<Recorder>,
        method: Option<Arc<str>>,
        began: Instant,
    ) -> Self {
        let mut body = Self { inner, call: Some(Call { recorder, method, began }) };
        if let Some(code) = code(headers) {
            body.count(code);
        }
        body
    }

    fn count(&mut self, code: Code) {
        if let Some(Call { recorder, method, began }) = self.call.take() {
            recorder.record(Protocol::Grpc, method.as_deref(), Status::Grpc(code), began);
        }
    }
}

fn code(headers: &HeaderMap) -> Option<Code> {
    headers.get(tonic::Status::GRPC_STATUS).map(|code| Code::from_bytes(code.as_bytes()))
}

impl http_body::Body for Measured {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(code) = frame.trailers_ref().and_then(code) {
                    self.count(code);
                }
            }
            Some(Err(_)) | None => self.count(Code::Unknown),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        self.count(Code::Cancelled);
    }
}
