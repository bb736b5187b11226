//! Calls through a client to instances with configured behaviour; time is simulated, except where spans are exported. A connection is the port of its
//! instance.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod abandoned;
mod backends;
mod busy;
mod calls;
mod hedging;
mod membership;
mod statistics;
mod traced;
