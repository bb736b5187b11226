//! The access log: one line per request, with the target `access`. Requests that fail are always logged, of the others a
//! sample.

use crate::config;
use crate::metrics::Began;
use http::{Method, StatusCode};
use std::net::SocketAddr;
use std::time::Instant;
use tonic::Code;
use trace::{RequestId, RequestScope, Span};

/// The configuration of the access log, if there is one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Access {
    /// The share of successful requests that are logged.
    sample: f64,
}

impl Access {
    /// Returns the access log of `config`.
    pub(super) fn new(config: &config::Config) -> Option<Self> {
        config.access_log.then_some(Self { sample: config.access_log_sample })
    }

    fn samples(self) -> bool {
        rand::random::<f64>() < self.sample
    }

    /// Logs a REST request when its response's head is ready, within the request's scope; `bytes` is the length of the
    /// response's body, if it is known.
    pub(super) fn rest(
        self,
        method: &Method,
        path: &str,
        route: Option<&str>,
        status: StatusCode,
        took: (Instant, Option<u64>),
        peer: Option<SocketAddr>,
    ) {
        let (began, bytes) = took;
        if status.as_u16() < 400 && !self.samples() {
            return;
        }
        tracing::info!(
            target: "access",
            protocol = "http",
            %method,
            route,
            path,
            status = status.as_u16(),
            duration_ms = milliseconds(began),
            bytes,
            peer = peer.map(tracing::field::display),
            "request"
        );
    }

    /// Returns what is logged of a gRPC call once its status is known. Must be called within the request's scope.
    pub(super) fn grpc(self, path: &str, peer: Option<SocketAddr>) -> Option<Box<AccessCall>> {
        let request = trace::request_id()?;
        let is_sampled = self.samples();
        Some(Box::new(AccessCall { path: path.to_owned(), peer, request, is_sampled, bytes: 0 }))
    }
}

/// A gRPC call that has no status yet.
#[derive(Debug)]
pub(crate) struct AccessCall {
    path: String,
    peer: Option<SocketAddr>,
    request: RequestId,
    is_sampled: bool,
    /// The length of the messages that were sent.
    bytes: u64,
}

impl AccessCall {
    /// Counts a part of the response's body.
    pub(crate) const fn sent(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// Logs the call to `method`, if it is known, whose request `began` then.
    pub(crate) fn log(self, method: Option<&str>, code: Code, began: Began, span: &Span) {
        if code == Code::Ok && !self.is_sampled {
            return;
        }
        let Self { path, peer, request, bytes, .. } = self;
        let log = || {
            tracing::info!(
                target: "access",
                protocol = "grpc",
                method = "POST",
                route = method,
                path,
                code = crate::metrics::grpc_name(code),
                duration_ms = milliseconds(began.at()),
                bytes,
                peer = peer.map(tracing::field::display),
                "request"
            );
        };
        // The body of a response is sent outside of the request's scope.
        RequestScope::of(request).enter(|| span.enter(log));
    }
}

/// Returns the time since `began` in milliseconds, to the microsecond.
fn milliseconds(began: Instant) -> f64 {
    (began.elapsed().as_secs_f64() * 1e6).round() / 1e3
}
