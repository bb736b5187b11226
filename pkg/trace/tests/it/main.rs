//! Spans over OTLP/gRPC to a receiver in the same process, and to endpoints that fail.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod export;
mod logs;
mod propagation;
