//! Starts the whole stack, or one part of it.

use devstack::config::{Config, Part, Stack};
use devstack::{loading::source::Source, stack};
use service::LogFormat;
use std::process::ExitCode;
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let began = Instant::now();
    let config = flags::parse::<Config>(std::env::args_os());
    match config.part {
        None => whole(config.stack, began),
        Some(Part::Agent(own)) => agent::process(own.line("agent")),
        Some(Part::Metadata(own)) => metadata::process(own.line("metadata")),
        Some(Part::Rating(own)) => rating::process(own.line("rating")),
        Some(Part::Movie(own)) => movie::process(own.line("movie")),
    }
}

fn whole(config: Stack, began: Instant) -> ExitCode {
    // Invalid arguments must exit with 2 before anything starts.
    let source = match Source::open(&config) {
        Ok(source) => source,
        Err(error) => {
            eprintln!("error: {error:#}");
            return ExitCode::from(2);
        }
    };
    service::log(&config.log, Some(LogFormat::Text));
    // The console's work must not delay the tasks of the services, nor their traffic through the proxies.
    let threads = if config.no_console { 1 } else { 2 };
    service::block_on(threads, |stop| stack::run(config, source, began, stop))
}
