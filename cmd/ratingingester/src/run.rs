//! A run: one thread reads or simulates, and enqueues; this one supervises it, shows progress, and ends
//! it at the end of the input, at a failure or on request.

mod reading;

use crate::config::Sending;
use crate::decode::Decoder;
use crate::error::Error;
use crate::input::{Source, is_standard_input};
use crate::pace::Pace;
use crate::producer::Producer;
use crate::progress::{Aim, Progress};
use crate::rejects::Rejects;
use crate::stderr;
use crate::verify::{Tally, Verdict, verify};
use crate::viewers::Viewers;
use reading::{Outlet, Reading};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use trace::Tracer;

/// How long the last traces may take to be exported.
const EXPORT_TIMEOUT: Duration = Duration::from_millis(500);

/// The result of a complete run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Events acknowledged by the brokers.
    pub(crate) delivered: u64,
    /// Lines that were not sent.
    pub(crate) rejected: u64,
    /// The last line read, or event simulated, counted from 1.
    pub(crate) line: u64,
    /// Whether the run was stopped before the end of the input.
    pub(crate) interrupted: bool,
    /// Records that are served differently from what was sent, if verified.
    pub(crate) differing: u64,
}

impl Summary {
    /// Returns 1 if records differ, 3 if lines were rejected, otherwise 0.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self { differing: 1.., .. } => 1,
            Self { rejected: 1.., .. } => 3,
            _ => 0,
        })
    }
}

/// Sends the input to its end, or until SIGINT or SIGTERM.
pub(crate) fn send(config: &Sending) -> Result<Summary, Error> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::System)?;
    runtime.block_on(async {
        let tracer = Tracer::start(&config.traces, "ratingingester");
        tracer.set_instance(&format!("ratingingester-{}", std::process::id()));
        let sent = drive(config, &tracer).await;
        tracer.shutdown(EXPORT_TIMEOUT).await;
        match tracer.counts().dropped {
            0 => {}
            lost => stderr::say_last(format!("traces: {lost} spans could not be exported")),
        }
        sent
    })
}

/// The source of the events.
enum Feed {
    File(Source),
    Viewers(Box<Viewers>),
}

impl Feed {
    fn open(config: &Sending) -> Result<Self, Error> {
        if let Some(viewers) = config.simulate {
            let viewers = Viewers::of_films(viewers, config.records, config.seed);
            return Ok(Self::Viewers(Box::new(viewers.map_err(|rule| Error::Stopped(rule.to_string()))?)));
        }
        let source =
            Source::open(&config.input).map_err(|error| Error::Input { path: name(&config.input), error })?;
        if config.repeat.get() > 1 && source.length.is_none() {
            return Err(Error::Repeat(name(&config.input)));
        }
        Ok(Self::File(source))
    }

    fn aim(&self, config: &Sending) -> Aim {
        let rounds = config.repeat.get();
        let length = match self {
            Self::File(source) => source.length.map(|length| length.saturating_mul(rounds)),
            Self::Viewers(_) => config.events,
        };
        Aim { length, rate: config.rate, rounds }
    }

    /// Sends everything, or until the reading is stopped.
    fn send(self, config: &Sending, reading: &Reading, producer: &Producer) -> Result<(), String> {
        let mut outlet = Outlet { producer, pace: config.rate.map(Pace::new) };
        let mut source = match self {
            Self::Viewers(viewers) => {
                reading.simulate(*viewers, config.events.unwrap_or(u64::MAX), &mut outlet);
                return Ok(());
            }
            Self::File(source) => Some(source),
        };
        for _ in 0..config.repeat.get() {
            let opened = source.take().map_or_else(|| Source::open(&config.input), Ok);
            let units = opened.and_then(|source| source.units(&config.input, config.format));
            let (format, mut units) = units.map_err(|e| e.to_string())?;
            reading.read(&mut units, Decoder::new(format), &mut outlet)?;
            if reading.is_stopped() {
                break;
            }
        }
        Ok(())
    }
}

async fn drive(config: &Sending, tracer: &Tracer) -> Result<Summary, Error> {
    let mut signals = Signals::new().map_err(Error::System)?;
    let feed = Feed::open(config)?;
    let progress = Progress::new(feed.aim(config));
    let rejects = open_rejects(config, &progress)?;

    let kafka = config.kafka.clone();
    let reading = Arc::new(Reading::new(rejects, config.verify.as_ref().map(|_| Tally::default())));
    let (failures, tracer) = (Arc::clone(&reading), tracer.clone());
    let opened = tokio::task::spawn_blocking(move || {
        let producer = Producer::open(&kafka, Box::new(move |failed| failures.not_delivered(failed)));
        producer.map(|producer| producer.with_tracer(tracer))
    });
    let producer = tokio::select! {
        opened = opened => Arc::new(opened.map_err(|e| Error::System(io::Error::other(e)))??),
        () = signals.wait() => std::process::exit(0),
    };

    let (done, mut ended) = oneshot::channel();
    let (worker, sender, sending) = (Arc::clone(&reading), Arc::clone(&producer), config.clone());
    std::thread::spawn(move || {
        // The receiver is dropped if the run was interrupted meanwhile.
        let _ = done.send(feed.send(&sending, &worker, &sender));
    });

    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    let started = Instant::now();
    let (result, interrupted) = loop {
        tokio::select! {
            result = &mut ended => break (result.unwrap_or_else(|_| Err("the reader thread panicked".to_owned())), false),
            () = signals.wait() => break (Ok(()), true),
            _ = ticks.tick() => {
                // The reader may be blocked in a read when a delivery fails.
                if reading.is_stopped() {
                    break (Ok(()), false);
                }
                progress.show(&reading.state(&producer));
            }
        }
    };
    reading.stop();
    flush(&producer, &reading, &progress, &mut signals).await?;
    let mut summary = finish(config, &reading, &producer, &progress, started, result, interrupted)?;
    if let (Some(service), Some(tally)) = (&config.verify, reading.tally()) {
        let verdict = tokio::select! {
            verdict = verify(service, &tally, config.verify_timeout) => verdict.map_err(Error::Stopped)?,
            () = signals.wait() => return Err(Error::Stopped("stopped before the comparison was complete".into())),
        };
        summary.differing = tell(&verdict).map_err(Error::System)?;
    }
    Ok(summary)
}

/// Prints the result of the comparison: the differences to standard output, their number to standard error.
fn tell(verdict: &Verdict) -> io::Result<u64> {
    let mut output = io::stdout().lock();
    for difference in &verdict.differences {
        writeln!(output, "{difference}")?;
    }
    output.flush()?;
    let differing = verdict.differences.len() as u64;
    let mut outcome = format!("verified {} records: {differing} differ", verdict.compared);
    if verdict.doubtful > 0 {
        outcome.push_str(&format!(
            "; {} skipped because the brokers rejected events about them",
            verdict.doubtful
        ));
    }
    stderr::say_last(outcome);
    Ok(differing)
}

/// Waits for the last acknowledgements; a second signal aborts the wait.
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
            // Every failure was reported to the reading when it happened.
            done = &mut flushed => return done.map(drop).map_err(|e| Error::System(io::Error::other(e))),
            () = signals.wait() => producer.abandon(),
            _ = ticks.tick() => progress.show(&reading.state(producer)),
        }
    }
}

fn finish(
    config: &Sending,
    reading: &Reading,
    producer: &Producer,
    progress: &Progress,
    started: Instant,
    result: Result<(), String>,
    interrupted: bool,
) -> Result<Summary, Error> {
    let written = reading.rejects().finish();
    let state = reading.state(producer);
    let summary = Summary {
        delivered: state.delivered,
        rejected: state.rejected,
        line: reading.line(),
        interrupted,
        differing: 0,
    };
    let lost = reading.undelivered();
    let interruption = if interrupted { "interrupted, " } else { "" };
    let read = match config.simulate {
        Some(viewers) => format!("{viewers} viewers: {interruption}simulated up to event {}", summary.line),
        None if state.round > 1 => {
            format!(
                "{}: {interruption}read {} times up to line {}",
                name(&config.input),
                state.round,
                summary.line
            )
        }
        None => format!("{}: {interruption}read up to line {}", name(&config.input), summary.line),
    };
    let mut outcome = format!("{read}: {} delivered, {} rejected", summary.delivered, summary.rejected);
    if lost > 0 {
        outcome.push_str(&format!(", {lost} not delivered"));
    }
    let seconds = started.elapsed().as_secs_f64();
    let rate = summary.delivered as f64 / seconds.max(0.001);
    progress.end(&format!("{outcome} in {seconds:.1} s, {rate:.0} a second"));

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

fn open_rejects(config: &Sending, progress: &Progress) -> Result<Rejects, Error> {
    if let Some(rejects) = config.rejects.as_deref()
        && !is_standard_input(&config.input)
        && let (Ok(one), Ok(other)) = (rejects.canonicalize(), config.input.canonicalize())
        && one == other
    {
        return Err(Error::SameFile(rejects.display().to_string()));
    }
    let path = config.rejects.as_deref().map(|p| p.display().to_string()).unwrap_or_default();
    Rejects::open(config.rejects.as_deref(), progress.clone()).map_err(|error| Error::Output {
        flag: "--rejects",
        path,
        error,
    })
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
