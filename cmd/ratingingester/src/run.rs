//! One run: a thread reads, decodes and queues; this one watches over it, shows how far it has come, and ends
//! it at the input's end, at a failure or when it is asked to.

mod reading;

use crate::config::Config;
use crate::decode::Decoder;
use crate::input::{Source, is_standard_input};
use crate::producer::{self, Producer};
use crate::progress::Progress;
use crate::rejects::Rejects;
use reading::Reading;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// Why a run failed, or could not begin.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input can't be opened.
    #[error("{path} can't be read: {error}")]
    Input {
        /// The file.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// The file for rejected lines can't be made or written.
    #[error("--rejects {path} can't be written: {error}")]
    Rejects {
        /// The file.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// The file for rejected lines is the input.
    #[error("--rejects {0} is the file that is read: it would be overwritten")]
    SameFile(String),
    /// The producer can't be opened.
    #[error(transparent)]
    Producer(#[from] producer::Error),
    /// The system gives no threads or signals.
    #[error("the run can't be set up: {0}")]
    System(io::Error),
    /// The run ended early, for this reason; what was sent until then was said.
    #[error("{0}")]
    Stopped(String),
}

impl Error {
    /// 2 where the arguments are to blame, else 1.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        let arguments = matches!(
            self,
            Self::Input { .. }
                | Self::Rejects { .. }
                | Self::SameFile(_)
                | Self::Producer(producer::Error::Option(_))
        );
        ExitCode::from(if arguments { 2 } else { 1 })
    }
}

/// What a run that was not broken off came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Events that the brokers acknowledged.
    pub delivered: u64,
    /// Lines that were not sent.
    pub rejected: u64,
    /// The last line that was read, counted from 1.
    pub line: u64,
    /// Whether the run was asked to stop before the input's end.
    pub interrupted: bool,
}

impl Summary {
    /// 3 where lines were rejected, else 0.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(if self.rejected == 0 { 0 } else { 3 })
    }
}

/// Reads the input to its end, or until SIGINT or SIGTERM, and sends what it holds.
pub fn run(config: &Config) -> Result<Summary, Error> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::System)?;
    runtime.block_on(drive(config))
}

async fn drive(config: &Config) -> Result<Summary, Error> {
    let input = |error| Error::Input { path: name(&config.input), error };
    let mut signals = Signals::new().map_err(Error::System)?;
    let source = Source::open(&config.input).map_err(input)?;
    let progress = Progress::new(source.length);
    let rejects = open_rejects(config, &progress)?;

    let kafka = config.kafka.clone();
    let reading = Arc::new(Reading::new(rejects));
    let failures = Arc::clone(&reading);
    let opened = tokio::task::spawn_blocking(move || {
        Producer::open(&kafka, Box::new(move |origin, code| failures.not_delivered(origin, code)))
    });
    let producer = tokio::select! {
        opened = opened => Arc::new(opened.map_err(|e| Error::System(io::Error::other(e)))??),
        () = signals.wait() => std::process::exit(0),
    };

    let (done, mut ended) = oneshot::channel();
    let (worker, sender) = (Arc::clone(&reading), Arc::clone(&producer));
    let (path, format) = (config.input.clone(), config.format);
    std::thread::spawn(move || {
        let result = source
            .units(&path, format)
            .map_err(|e| e.to_string())
            .and_then(|(format, mut units)| worker.run(&mut units, Decoder::new(format), &sender));
        // The receiver is gone where the run was interrupted meanwhile.
        let _ = done.send(result);
    });

    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    let started = Instant::now();
    let (result, interrupted) = loop {
        tokio::select! {
            result = &mut ended => break (result.unwrap_or_else(|_| Err("the reader died".to_owned())), false),
            () = signals.wait() => break (Ok(()), true),
            _ = ticks.tick() => {
                // The reader may sleep in a read when a delivery fails.
                if reading.is_stopped() {
                    break (Ok(()), false);
                }
                progress.show(&reading.state(&producer));
            }
        }
    };
    reading.stop();
    flush(&producer, &reading, &progress, &mut signals).await?;
    finish(config, &reading, &producer, &progress, started, result, interrupted)
}

/// Waits for the last acknowledgements; a second signal gives up on them.
async fn flush(
    producer: &Arc<Producer>,
    reading: &Reading,
    progress: &Progress,
    signals: &mut Signals,
) -> Result<(), Error> {
    if reading.failure().is_some() {
        producer.abandon();
    }
    let flushing = Arc::clone(producer);
    let mut flushed = tokio::task::spawn_blocking(move || flushing.flush());
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    loop {
        tokio::select! {
            // Every failure was told to the reading as it happened.
            done = &mut flushed => return done.map(drop).map_err(|e| Error::System(io::Error::other(e))),
            () = signals.wait() => producer.abandon(),
            _ = ticks.tick() => progress.show(&reading.state(producer)),
        }
    }
}

fn finish(
    config: &Config,
    reading: &Reading,
    producer: &Producer,
    progress: &Progress,
    started: Instant,
    result: Result<(), String>,
    interrupted: bool,
) -> Result<Summary, Error> {
    let written = reading.rejects().finish();
    let state = reading.state(producer);
    let summary =
        Summary { delivered: state.delivered, rejected: state.rejected, line: reading.line(), interrupted };
    let lost = reading.undelivered();
    let mut outcome = format!(
        "{}: {} up to line {}: {} delivered, {} rejected",
        name(&config.input),
        if interrupted { "interrupted, read" } else { "read" },
        summary.line,
        summary.delivered,
        summary.rejected,
    );
    if lost > 0 {
        outcome.push_str(&format!(", {lost} not delivered"));
    }
    progress.end(&format!("{outcome} in {:.1} s", started.elapsed().as_secs_f64()));

    if let (Err(error), Some(path)) = (written, &config.rejects) {
        return Err(Error::Stopped(format!("--rejects {} can't be written: {error}", path.display())));
    }
    if let Some(reason) = reading.failure() {
        return Err(Error::Stopped(match producer.last_error() {
            Some(error) => format!("events can't be delivered: {reason} ({error})"),
            None => format!("events can't be delivered: {reason}"),
        }));
    }
    result.map_err(|reason| Error::Stopped(format!("{}: {reason}", name(&config.input))))?;
    Ok(summary)
}

fn open_rejects(config: &Config, progress: &Progress) -> Result<Rejects, Error> {
    if let Some(rejects) = config.rejects.as_deref()
        && !is_standard_input(&config.input)
        && let (Ok(one), Ok(other)) = (rejects.canonicalize(), config.input.canonicalize())
        && one == other
    {
        return Err(Error::SameFile(rejects.display().to_string()));
    }
    let path = config.rejects.as_deref().map(|p| p.display().to_string()).unwrap_or_default();
    Rejects::open(config.rejects.as_deref(), progress.clone()).map_err(|error| Error::Rejects { path, error })
}

fn name(input: &Path) -> String {
    if is_standard_input(input) { "standard input".to_owned() } else { input.display().to_string() }
}

/// SIGINT and SIGTERM.
struct Signals(Signal, Signal);

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self(signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}
