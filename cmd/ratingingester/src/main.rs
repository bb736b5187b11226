//! Sends ratings to Kafka.

use ratingingester::{Config, run, stderr};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run(&flags::parse::<Config>(std::env::args_os())) {
        Ok(code) => code,
        Err(error) => {
            stderr::say_last(format!("error: {error}"));
            error.exit_code()
        }
    }
}
