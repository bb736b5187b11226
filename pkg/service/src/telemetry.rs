//! The log: `tracing` to standard error. Neither an unread standard error nor a flood of
//! failures blocks the threads that log.

mod filter;
mod format;
mod limit;
mod panic;
mod writer;

pub(crate) use panic::{Caught, take_place};

use crate::config::{Config, LogFormat};
use filter::Filter;
use format::WithRequest;
use limit::RateLimit;
use std::io::{IsTerminal, stderr};
use std::sync::OnceLock;
use std::time::Duration;
use tracing_subscriber::fmt::format::Writer as Text;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};
use writer::Writer;

/// The maximum size of queued log lines, in bytes.
const MAX_PENDING: usize = 1024 * 1024;

/// The time limit for writing them at the end of the process.
const LAST_WRITE: Duration = Duration::from_secs(1);

/// The log of this process, once it is initialized.
static LOG: OnceLock<Log> = OnceLock::new();

struct Log {
    writer: Writer,
    limit: RateLimit,
    filter: Filter,
}

/// Initializes the process's log from `config`; a later call has no effect.
pub fn telemetry(config: &Config) {
    log(&config.log, config.log_format);
}

/// Initializes the process's log, filtered by `filter` in the syntax of `tracing`. Without a format it is text on a
/// terminal and JSON elsewhere. A later call has no effect.
///
/// Lines are written by a separate thread and dropped while standard error accepts no more. Those that belong to a
/// request have its ids. Warnings and errors are limited per call site. h2 logs only errors, unless `filter` names it.
/// Panics are logged too. Records of level info and above are also passed to the services that export them.
pub fn log(filter: &str, format: Option<LogFormat>) {
    let on_terminal = stderr().is_terminal();
    let format = format.unwrap_or(if on_terminal { LogFormat::Text } else { LogFormat::Json });
    let dropped = move |lines| notice(format, &format!("{lines} log lines were dropped: nothing read them"));
    let writer = match Writer::start(stderr(), MAX_PENDING, dropped) {
        Ok(writer) => writer,
        Err(error) => {
            eprintln!("error: can't initialize the log: {error}");
            return;
        }
    };
    let suppressed = writer.clone();
    let limit = RateLimit::new(move |text| suppressed.line(notice(format, text).as_bytes()));

    let lines = writer.clone();
    let lines = fmt::layer().log_internal_errors(false).with_writer(move || lines.clone());
    let lines = match format {
        LogFormat::Text => lines
            .with_ansi(on_terminal)
            .map_event_format(|format| WithRequest::text(format.with_ansi(on_terminal)))
            .boxed(),
        LogFormat::Json => {
            lines.json().map_event_format(|format| WithRequest::json(format.flatten_event(true))).boxed()
        }
    };
    let (filter, filtering) = Filter::new(filter);
    let log = tracing_subscriber::registry()
        .with(filtering)
        .with(limit.clone())
        .with(trace::log_layer())
        .with(lines);
    // An error means that the log has already been initialized.
    if log.try_init().is_ok() {
        _ = LOG.set(Log { writer, limit, filter });
        std::panic::set_hook(Box::new(panic::hook));
    }
}

/// Writes a line to standard error, through the log if it is initialized.
pub(crate) fn print(line: &str) {
    match LOG.get() {
        Some(log) => log.writer.line(format!("{line}\n").as_bytes()),
        None => eprintln!("{line}"),
    }
}

/// Returns the current filter of the log, if it is initialized.
pub(crate) fn log_filter() -> Option<String> {
    LOG.get().map(|log| log.filter.current())
}

/// Replaces the filter of the log by a valid one. Returns false if the log is not initialized.
pub(crate) fn set_log_filter(filter: String) -> bool {
    LOG.get().map(|log| log.filter.set(filter)).is_some()
}

/// Replaces the filter of the log by `debug`; the next call restores it.
pub(crate) fn toggle_debug() {
    if let Some(log) = LOG.get() {
        let filter = log.filter.toggle_debug();
        tracing::warn!(filter, "the log's filter was replaced by SIGUSR1");
    }
}

/// Returns the number of lines dropped because standard error accepted no more, and of those suppressed because
/// their call site logged too many.
pub(crate) fn lost_lines() -> (u64, u64) {
    LOG.get().map_or((0, 0), |log| (log.writer.dropped(), log.limit.suppressed()))
}

/// Flushes the log on drop, for at most a second.
pub(crate) struct FlushOnDrop;

impl Drop for FlushOnDrop {
    fn drop(&mut self) {
        if let Some(log) = LOG.get() {
            log.limit.report();
            log.writer.flush(LAST_WRITE);
        }
    }
}

/// Formats a line of the log about the log itself, whatever the filter.
fn notice(format: LogFormat, message: &str) -> String {
    let mut time = String::new();
    // Writing to a string cannot fail.
    _ = SystemTime.format_time(&mut Text::new(&mut time));
    match format {
        LogFormat::Text => format!("{time}  WARN {}: {message}\n", module_path!()),
        LogFormat::Json => {
            let line = serde_json::json!({
                "timestamp": time, "level": "WARN", "message": message, "target": module_path!(),
            });
            format!("{line}\n")
        }
    }
}
