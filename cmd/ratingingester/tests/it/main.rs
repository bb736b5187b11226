//! The program as a user runs it, against librdkafka's mock cluster.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod broker;
mod files;
mod pace;
mod replay;
mod simulation;
mod traced;
mod verification;
