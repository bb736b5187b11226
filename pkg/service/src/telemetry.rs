//! The log: `tracing` to standard error.

use crate::config::{Config, LogFormat};
use std::io::{IsTerminal, stderr};
use tracing_subscriber::{EnvFilter, fmt};

/// Starts the process's log as `config` says; a process whose log has started keeps the first.
pub fn telemetry(config: &Config) {
    log(&config.log, config.log_format);
}

/// Starts the process's log, which holds what `filter`, as `tracing` reads it, lets through; where no format is
/// given it is text on a terminal, else JSON. A process whose log has started keeps the first.
pub fn log(filter: &str, format: Option<LogFormat>) {
    let log = fmt().with_env_filter(EnvFilter::builder().parse_lossy(filter)).with_writer(stderr);
    let on_terminal = stderr().is_terminal();
    // An error means that the log has been started before.
    _ = match format.unwrap_or(if on_terminal { LogFormat::Text } else { LogFormat::Json }) {
        LogFormat::Text => log.with_ansi(on_terminal).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
}
