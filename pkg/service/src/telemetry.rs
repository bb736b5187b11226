//! The log: `tracing` to standard error.

use crate::config::{Config, LogFormat};
use std::io::{IsTerminal, stderr};
use tracing_subscriber::{EnvFilter, fmt};

/// Starts the process's log as `config` says; a process whose log has started keeps the first.
pub fn telemetry(config: &Config) {
    let filter = EnvFilter::builder().parse_lossy(&config.log);
    let log = fmt().with_env_filter(filter).with_writer(stderr);
    let on_terminal = stderr().is_terminal();
    let format = config.log_format.unwrap_or(if on_terminal { LogFormat::Text } else { LogFormat::Json });
    // An error means that the log has been started before.
    _ = match format {
        LogFormat::Text => log.with_ansi(on_terminal).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
}
