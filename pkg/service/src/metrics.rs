//! Metrics of a service: requests by protocol, route and status, their duration, and the service's own
//! metrics. One registry per service, never a global one.

mod body;
mod exposition;
mod log;
mod recorder;
mod registry;
mod spans;

pub(crate) use body::{Call, Measured};
pub(crate) use recorder::Recorder;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use trace::Tracer;

/// The upper bounds of the duration histogram, in seconds.
const BUCKETS: [f64; 15] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// One service's metrics; clones share them.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    requests: Family<Request, Counter>,
    durations: Family<Place, Histogram, fn() -> Histogram>,
}

impl Metrics {
    /// Creates the metrics of requests and of the log.
    #[must_use]
    pub fn new() -> Self {
        let metrics = Self {
            registry: Arc::default(),
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
        };
        metrics.registry(|registry| {
            let help = "Requests, by protocol, route and status";
            registry.register("requests", help, metrics.requests.clone());
            let help = "Time from a request's head to the response's head (gRPC: trailers)";
            registry.register("request_duration_seconds", help, metrics.durations.clone());
            registry.register_collector(Box::new(log::LostLines));
        });
        metrics
    }

    /// Calls `register` to add the service's own metrics.
    pub fn registry<T>(&self, register: impl FnOnce(&mut Registry) -> T) -> T {
        register(&mut self.registry.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds the state of `registry`.
    pub(crate) fn tell_up(&self, registry: Arc<dyn discovery::Registry>) {
        self.registry(|metrics| metrics.register_collector(Box::new(registry::Condition(registry))));
    }

    /// Adds what `tracer` exports.
    pub(crate) fn count_spans(&self, tracer: &Tracer) {
        self.registry(|metrics| metrics.register_collector(Box::new(spans::Exported(tracer.clone()))));
    }

    /// Returns all metrics as text: OpenMetrics 1.0, or Prometheus 0.0.4.
    pub(crate) fn text(&self, open_metrics: bool) -> Result<String, fmt::Error> {
        let mut text = String::new();
        self.registry(|registry| prometheus_client::encoding::text::encode(&mut text, registry))?;
        Ok(if open_metrics { text } else { exposition::prometheus(&text) })
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    protocol: Protocol,
    route: Arc<str>,
    status: Status,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Place {
    protocol: Protocol,
    route: Arc<str>,
}

/// The protocol of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Protocol {
    Http,
    Grpc,
}

/// The labels of a completed request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Status {
    Http(http::StatusCode),
    Grpc(tonic::Code),
}

impl EncodeLabelValue for Protocol {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(match self {
            Self::Http => "http",
            Self::Grpc => "grpc",
        })
    }
}

impl EncodeLabelValue for Status {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        match self {
            Self::Http(status) => encoder.write_str(status.as_str()),
            Self::Grpc(code) => encoder.write_str(grpc_name(*code)),
        }
    }
}

/// Returns a gRPC code as spelled in its specification.
pub(crate) const fn grpc_name(code: tonic::Code) -> &'static str {
    use tonic::Code;
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
