//! The log: `tracing` to standard error. Neither a reader of standard error that has stopped reading nor a flood of
//! failures holds up the threads that log.

mod limit;
mod writer;

use crate::config::{Config, LogFormat};
use limit::RateLimit;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{IsTerminal, stderr};
use std::panic::{self, PanicHookInfo};
use std::sync::OnceLock;
use std::time::Duration;
use tracing::Level;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::format::Writer as Text;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};
use writer::Writer;

/// The most bytes of log lines that wait to be written.
const MAX_PENDING: usize = 1024 * 1024;

/// How long the end of the process waits until they are written.
const LAST_WRITE: Duration = Duration::from_secs(1);

/// The log of this process, once it has started.
static LOG: OnceLock<Log> = OnceLock::new();

struct Log {
    writer: Writer,
    limit: RateLimit,
}

/// Starts the process's log as `config` says; a process whose log has started keeps the first.
pub fn telemetry(config: &Config) {
    log(&config.log, config.log_format);
}

/// Starts the process's log, filtered by `filter` in the syntax of `tracing`. Without a format it is text on a
/// terminal and JSON elsewhere. A process whose log has started keeps the first.
///
/// Lines are written by a thread of their own and dropped while standard error takes no more. Warnings and errors are
/// limited per call site. h2 logs errors only, unless `filter` names it: its warnings are about what a peer does.
/// Panics are logged too.
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

    let names_h2 = filter.split(',').any(|directive| directive.trim().starts_with("h2"));
    let quiet_h2 = filter_fn(move |metadata| {
        names_h2 || *metadata.level() == Level::ERROR || !metadata.target().starts_with("h2")
    });
    let lines = writer.clone();
    let lines = fmt::layer().log_internal_errors(false).with_writer(move || lines.clone());
    let lines = match format {
        LogFormat::Text => lines.with_ansi(on_terminal).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let log = tracing_subscriber::registry()
        .with(EnvFilter::builder().parse_lossy(filter))
        .with(quiet_h2)
        .with(limit.clone())
        .with(lines);
    // An error means that the log has been started before.
    if log.try_init().is_ok() {
        _ = LOG.set(Log { writer, limit });
        panic::set_hook(Box::new(log_panic));
    }
}

/// Writes a line to standard error, through the log if it has started.
pub(crate) fn print(line: &str) {
    match LOG.get() {
        Some(log) => log.writer.line(format!("{line}\n").as_bytes()),
        None => eprintln!("{line}"),
    }
}

/// How many lines this process has dropped because standard error took no more, and how many it has suppressed because
/// their call site logged too many.
pub(crate) fn lost_lines() -> (u64, u64) {
    LOG.get().map_or((0, 0), |log| (log.writer.dropped(), log.limit.suppressed()))
}

/// Writes what is left of the log when it is dropped, for at most a second.
pub(crate) struct FlushOnDrop;

impl Drop for FlushOnDrop {
    fn drop(&mut self) {
        if let Some(log) = LOG.get() {
            log.limit.report();
            log.writer.flush(LAST_WRITE);
        }
    }
}

/// A line of the log about the log itself, whatever the filter is.
fn notice(format: LogFormat, message: &str) -> String {
    let mut time = String::new();
    // Writing to a string does not fail.
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

/// Logs a panic. What the default hook prints would block while standard error takes no more.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    tracing::warn!(
        thread = thread.name(),
        location = panic.location().map(tracing::field::display),
        backtrace,
        "panicked: {}",
        panic.payload_as_str().unwrap_or("without a text"),
    );
}
