//! The chassis that every service stands on: its arguments, its log, one port for REST and gRPC, and the one
//! table that turns a failure into an HTTP or a gRPC status.
//!
//! It is functions that `main` calls; it calls back only through the closures that [`run`] is given.

pub mod admission;
pub mod config;
mod deadline;
mod drain;
pub mod extract;
pub mod grpc;
mod health;
mod layer;
mod metrics;
mod problem;
mod runtime;
mod server;
pub mod table;
mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;

pub use config::{
    Config, LogFormat, RegistryKind, duration, parse, registry, registry_with_grace, try_parse_from,
};
pub use deadline::Deadline;
pub use drain::Drain;
pub use metrics::Metrics;
pub use problem::{Problem, UNKNOWN_PATH, chain};
pub use runtime::{block_on, block_on_threads};
pub use server::{Description, Error, Routes, run};
pub use telemetry::{log, telemetry};
