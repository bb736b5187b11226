//! The development stack, started like by a user.

#![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod arguments;
mod console;
mod containers;
mod imports;
mod metrics;
mod observability;
mod parts;
mod process;
mod secrets;
mod whole;
