//! Distributed traces by OpenTelemetry: which requests are sampled, their spans, the propagation of their context over
//! HTTP, gRPC and Kafka, and the export over OTLP/gRPC, also of log records.
//!
//! The decision whether a request is sampled is made from its headers, before any span exists. Requests that are not
//! sampled create no spans: [`span`] then returns an inert value, and nothing is allocated. A service has a [`Tracer`]
//! of its own, never a global one, because several services may share a process.
//!
//! The current span of a task is that of OpenTelemetry's `Context`; [`Span::run`] sets it while a future is polled. A
//! task that is spawned for a request must be given it.

mod config;
mod export;
mod logs;
mod parent;
mod propagation;
mod rate;
mod request;
mod span;
#[cfg(feature = "testing")]
pub mod testing;
mod tracer;
mod wait;

pub use config::{Config, Sampler};
pub use export::Counts;
pub use logs::{Owner, current_service, log_layer};
pub use opentelemetry::trace::{SpanContext, SpanKind};
pub use parent::Parent;
pub use request::{REQUEST_ID, RequestId, RequestScope, known_request_id, request_id};
pub use span::{Origin, Span, annotate, current_ids, event, span};
pub use tracer::{Tracer, Tracers};
pub use wait::Wait;
