//! The code common to all services: arguments, log, one port for REST and gRPC, and the only table that maps an error
//! to an HTTP and a gRPC status.
//!
//! A service implements [`Program`] for its command line and calls [`main`] with a function that opens its storage,
//! builds a [`Server`] and runs it.

mod accept;
mod admin;
pub mod admission;
pub mod config;
mod deadline;
mod drain;
pub mod extract;
pub mod grpc;
mod health;
mod layer;
mod metrics;
mod openapi;
mod problem;
mod program;
mod runtime;
mod server;
pub mod table;
mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;

pub use accept::accepts_coding;
pub use config::{Config, LogFormat, RegistryKind, duration, positive_duration, registry};
pub use deadline::Deadline;
pub use drain::Drain;
pub use health::Ready;
pub use metrics::Metrics;
pub use problem::{Problem, UNKNOWN_PATH, chain};
pub use program::{Program, main};
pub use runtime::block_on;
pub use server::{EXPORT_TIMEOUT, Error, Routes, Server, listen};
pub use telemetry::{log, telemetry};
