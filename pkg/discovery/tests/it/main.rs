//! The Consul client against a scripted Consul with valid and invalid responses.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

mod consul;
mod doubt;
mod input;
mod log;
mod outage;
mod script;
mod transport;
