//! The chassis with a small real service: responses, shutdown, metrics.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod admission;
mod arguments;
mod bodies;
mod drain;
mod grpc_web;
mod identity;
mod limits;
mod logging;
mod measuring;
mod process;
mod routing;
mod running;
mod starting;
mod streams;
mod unread;
