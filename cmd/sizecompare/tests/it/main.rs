//! Every format against every record, and the command as a process.

#![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod evolution;
mod process;
mod random;
mod sizes;
