//! The log: `tracing` to standard error. Neither an unread standard error nor a flood of
//! failures blocks the threads that log.

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

/// The maximum size of queued log lines, in bytes.
const MAX_PENDING: usize = 1024 * 1024;

/// The time limit for writing them at the end of the process.
const LAST_WRITE: Duration = Duration::from_secs(1);

/// The log of this process, once it is initialized.
static LOG: OnceLock<Log> = OnceLock::new();

struct Log {
    writer: Writer,
    limit: RateLimit,
}

/// Initializes the process's log from `config`; a later call has no effect.
pub fn telemetry(config: &Config) {
    log(&config.log, config.log_format);
}

/// Initializes the process's log, filtered by `filter` in the syntax of `tracing`. Without a format it is text on a
/// terminal and JSON elsewhere. A later call has no effect.
///
/// Lines are written by a separate thread and dropped while standard error accepts no more. Warnings and errors are
/// limited per call site. h2 logs only errors, unless `filter` names it: its warnings are about the behaviour of
/// peers. Panics are logged too.
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
    // An error means that the log has already been initialized.
    if log.try_init().is_ok() {
        _ = LOG.set(Log { writer, limit });
        panic::set_hook(Box::new(log_panic));
    }
}

/// Writes a line to standard error, through the log if it is initialized.
pub(crate) fn print(line: &str) {
    match LOG.get() {
        Some(log) => log.writer.line(format!("{line}\n").as_bytes()),
        None => eprintln!("{line}"),
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

/// Logs a panic. The default hook would block while standard error accepts no more.
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
