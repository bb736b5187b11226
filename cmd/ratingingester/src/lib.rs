//! Ratings, sent to Kafka event by event in bounded memory: from files (JSON lines, a JSON array, CSV), or those
//! of simulated viewers. The event, its producer and the viewers serve whoever else sends ratings.

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

/// Does what the command line says; 0 where all of it was done, 3 where lines or letters were left.
pub fn run(config: &Config) -> Result<ExitCode, Error> {
    match &config.command {
        Some(Command::Replay(config)) => {
            replay::replay(config).map(|outcome| ExitCode::from(if outcome.left == 0 { 0 } else { 3 }))
        }
        None => run::send(&config.sending).map(|summary| summary.exit_code()),
    }
}
