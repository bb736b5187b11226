//! Starts the development agent.

use agent::config::Cli;
use clap::Parser;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    service::log(&cli.log, None);
    service::block_on(|stop| agent::run(cli.config, stop))
}
