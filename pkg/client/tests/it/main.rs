//! Calls through a client over instances that answer as told; time is simulated. A connection is the port of
//! its instance.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backends;
mod busy;
mod calls;
mod counted;
mod given_up;
mod hedging;
mod membership;
