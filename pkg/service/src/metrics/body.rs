//! A response body that counts a gRPC call when its status is sent, in the trailers.

use super::in_flight::InFlight;
use super::recorder::Began;
use super::{Protocol, Recorder, Status, grpc_name};
use crate::server::AccessCall;
use bytes::Buf;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tonic::Code;
use trace::Span;

/// A body and, for gRPC, the call to count at its end; one that is dropped earlier is `CANCELLED`.
pub(crate) struct Measured<B> {
    inner: B,
    call: Option<Call>,
    in_flight: Option<InFlight>,
}

/// A call that has no status yet.
pub(crate) struct Call {
    pub(crate) recorder: Arc<Recorder>,
    /// The path of the method, if it is known.
    pub(crate) method: Option<Arc<str>>,
    pub(crate) began: Began,
    /// Its span, which ends with the status.
    pub(crate) span: Span,
    /// What is logged of it, if requests are logged.
    pub(crate) access: Option<Box<AccessCall>>,
}

impl<B> Measured<B> {
    /// Wraps a body that has been counted.
    pub(crate) const fn plain(inner: B) -> Self {
        Self { inner, call: None, in_flight: None }
    }

    /// Wraps the body of a gRPC response with these `headers`.
    pub(crate) fn grpc(inner: B, headers: &HeaderMap, call: Call) -> Self {
        let mut body = Self { inner, call: Some(call), in_flight: None };
        if let Some(code) = code(headers) {
            body.count(code);
        }
        body
    }

    /// Counts the request as in flight until the body has been sent or dropped.
    pub(crate) fn in_flight(mut self, in_flight: InFlight) -> Self {
        self.in_flight = Some(in_flight);
        self
    }

    fn count(&mut self, code: Code) {
        if let Some(Call { recorder, method, began, span, access }) = self.call.take() {
            recorder.record(Protocol::Grpc, method.as_deref(), Status::Grpc(code), began);
            if span.is_recording() {
                span.set("rpc.grpc.status_code", i64::from(i32::from(code)));
                if is_server_error(code) {
                    span.set("error.type", grpc_name(code));
                    span.fail("");
                }
            }
            if let Some(access) = access {
                access.log(method.as_deref(), code, began, &span);
            }
        }
    }
}

/// Returns true for the codes that OpenTelemetry's semantic conventions count as errors of a server.
const fn is_server_error(code: Code) -> bool {
    use Code::{DataLoss, DeadlineExceeded, Internal, Unavailable, Unimplemented, Unknown};
    matches!(code, Unknown | DeadlineExceeded | Unimplemented | Internal | Unavailable | DataLoss)
}

fn code(headers: &HeaderMap) -> Option<Code> {
    headers.get(tonic::Status::GRPC_STATUS).map(|code| Code::from_bytes(code.as_bytes()))
}

impl<B: Body + Unpin> Body for Measured<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(access) = self.call.as_mut().and_then(|call| call.access.as_mut()) {
                    access.sent(frame.data_ref().map_or(0, Buf::remaining));
                }
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

impl<B> Drop for Measured<B> {
    fn drop(&mut self) {
        self.count(Code::Cancelled);
    }
}
