//! The Consul client against a Consul that answers as it is told, rightly and wrongly.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

mod consul;
mod doubt;
mod input;
mod log;
mod outage;
mod script;
mod transport;
