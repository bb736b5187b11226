//! Sends ratings to Kafka, event by event in bounded memory: from files (JSON lines, a JSON array, CSV), or from
//! simulated users. Other programs use its events, producer and simulated users.

pub mod config;
mod decode;
mod error;
pub mod event;
mod input;
mod pace;
pub mod producer;
mod progress;
mod rejects;
mod replay;
mod run;
pub mod stderr;
mod verify;
pub mod viewers;

pub use config::Config;
pub use error::Error;
pub use event::Event;
pub use producer::Producer;

use config::Command;
use std::process::ExitCode;

/// Runs the command line; returns 0, or 3 if lines or letters were rejected.
pub fn run(config: &Config) -> Result<ExitCode, Error> {
    match &config.command {
        Some(Command::Replay(config)) => {
            replay::replay(config).map(|outcome| ExitCode::from(if outcome.left == 0 { 0 } else { 3 }))
        }
        None => run::send(&config.sending).map(|summary| summary.exit_code()),
    }
}
