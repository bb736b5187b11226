//! Sends ratings to Kafka.

use clap::Parser;
use ratingingester::{Config, run, stderr};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run(&Config::parse()) {
        Ok(code) => code,
        Err(error) => {
            stderr::say_last(format!("error: {error}"));
            error.exit_code()
        }
    }
}
