//! Progress on standard error: a bar on a terminal, otherwise an occasional line.

use crate::stderr;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The interval of lines without a terminal.
const EVERY: Duration = Duration::from_secs(5);

/// The progress display; its clones share it.
#[derive(Clone)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    aim: Aim,
    started: Instant,
    said: Arc<Mutex<Instant>>,
}

/// The progress of a run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct State {
    /// Steps towards the goal: bytes of the input, or events.
    pub(crate) position: u64,
    /// Events read.
    pub(crate) read: u64,
    /// Events acknowledged.
    pub(crate) delivered: u64,
    /// Lines rejected.
    pub(crate) rejected: u64,
    /// The number of rounds started.
    pub(crate) round: u64,
}

/// The goal of a run, as far as it is known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Aim {
    /// Steps until the end: bytes of the input, or events.
    pub(crate) length: Option<u64>,
    /// Events per second.
    pub(crate) rate: Option<u64>,
    /// The number of rounds.
    pub(crate) rounds: u64,
}

impl Progress {
    /// Starts the display.
    pub(crate) fn new(aim: Aim) -> Self {
        let length = aim.length;
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
            let template = match length {
                Some(_) => "{wide_bar} {percent:>3} %  {msg}  {eta} left",
                None => "{spinner} {msg}",
            };
            bar.with_style(
                ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
            )
        });
        let now = Instant::now();
        Self { bar, aim, started: now, said: Arc::new(Mutex::new(now)) }
    }

    /// Shows the current progress.
    pub(crate) fn show(&self, state: &State) {
        if let Some(bar) = &self.bar {
            bar.set_position(state.position);
            bar.set_message(self.line(state));
            return;
        }
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.elapsed() >= EVERY {
            *said = Instant::now();
            stderr::say(self.line(state));
        }
    }

    /// Prints a line beside the bar.
    pub(crate) fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => stderr::say(text.to_owned()),
        }
    }

    /// Removes the bar and prints the result.
    pub(crate) fn end(&self, outcome: &str) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        stderr::say_last(outcome.to_owned());
    }

    fn line(&self, state: &State) -> String {
        let State { read, delivered, rejected, round, .. } = state;
        let mut line = format!("{read} read, {delivered} delivered, {rejected} rejected");
        if self.aim.rounds > 1 {
            line.push_str(&format!(", round {round} of {}", self.aim.rounds));
        }
        let rate = *delivered as f64 / self.started.elapsed().as_secs_f64().max(0.001);
        line.push_str(&format!(", {rate:.0} a second"));
        if let Some(aim) = self.aim.rate {
            line.push_str(&format!(" of {aim}"));
        }
        line
    }
}
