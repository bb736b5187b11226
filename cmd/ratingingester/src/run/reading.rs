//! The sending thread, and what it shares with the supervising thread.

use crate::decode::{Decoded, Decoder};
use crate::event::Event;
use crate::input::{Unit, Units};
use crate::pace::Pace;
use crate::producer::{Failed, Producer, Refused};
use crate::progress::State;
use crate::rejects::Rejects;
use crate::verify::Tally;
use crate::viewers::Viewers;
use rdkafka::error::RDKafkaErrorCode;
use std::io::BufRead;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The counters of a run, and its stop flag.
pub(super) struct Reading {
    position: AtomicU64,
    line: AtomicU64,
    round: AtomicU64,
    read: AtomicU64,
    undelivered: AtomicU64,
    stopped: AtomicBool,
    /// Held while an event is processed: after setting `stopped` and then locking this, no further event follows.
    turn: Mutex<()>,
    rejects: Mutex<Rejects>,
    tally: Option<Mutex<Tally>>,
    failure: Mutex<Option<RDKafkaErrorCode>>,
}

/// The destination and rate of the thread.
pub(super) struct Outlet<'a> {
    /// The producer.
    pub(super) producer: &'a Producer,
    /// The rate; unlimited if absent.
    pub(super) pace: Option<Pace>,
}

impl Outlet<'_> {
    fn wait(&mut self) {
        while let Some(pace) = &mut self.pace {
            match pace.wait(Instant::now()) {
                Duration::ZERO => return,
                early => std::thread::sleep(early),
            }
        }
    }
}

impl Reading {
    /// Starts before the beginning of the input.
    pub(super) fn new(rejects: Rejects, tally: Option<Tally>) -> Self {
        Self {
            position: AtomicU64::new(0),
            line: AtomicU64::new(0),
            round: AtomicU64::new(0),
            read: AtomicU64::new(0),
            undelivered: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            turn: Mutex::new(()),
            rejects: Mutex::new(rejects),
            tally: tally.map(Mutex::new),
            failure: Mutex::new(None),
        }
    }

    /// Sends one round of the input, or until it is stopped. Returns an error if the input can't be
    /// read further.
    pub(super) fn read<R: BufRead>(
        &self,
        units: &mut Units<R>,
        mut decoder: Decoder,
        outlet: &mut Outlet<'_>,
    ) -> Result<(), String> {
        let before = self.position.load(Ordering::Relaxed);
        let first = self.round.fetch_add(1, Ordering::Relaxed) == 0;
        loop {
            self.position.store(before + units.position(), Ordering::Relaxed);
            let Some(unit) = units.next().map_err(|e| e.to_string())? else { return Ok(()) };
            outlet.wait();
            let _turn = lock(&self.turn);
            if self.is_stopped() {
                return Ok(());
            }
            match decoder.decode(&unit).map_err(|e| e.on(unit.line).to_string())? {
                Decoded::Header if first => self.rejects().keep(unit.bytes),
                Decoded::Header => {}
                Decoded::Rejected(reason) => self.reject(unit.line, unit.bytes, &reason),
                Decoded::Event(event) => {
                    if !self.send(event, &unit, outlet) {
                        return Ok(());
                    }
                }
            }
            self.line.store(unit.line, Ordering::Relaxed);
        }
    }

    /// Sends the actions of `viewers`, up to a number of events or until it is stopped.
    pub(super) fn simulate(&self, viewers: Viewers, events: u64, outlet: &mut Outlet<'_>) {
        let mut event = Event::default();
        for (number, act) in (1..=events).zip(viewers) {
            outlet.wait();
            let _turn = lock(&self.turn);
            event.set_act(&act);
            let unit = Unit { line: number, bytes: event.json(), broken: None };
            if self.is_stopped() || !self.send(&event, &unit, outlet) {
                return;
            }
            self.position.store(number, Ordering::Relaxed);
            self.line.store(number, Ordering::Relaxed);
        }
    }

    /// Enqueues the event of a unit, waiting for room; returns false if the run was stopped before there was any.
    fn send(&self, event: &Event, unit: &Unit<'_>, outlet: &mut Outlet<'_>) -> bool {
        let outgoing = outlet.producer.outgoing(event.into());
        loop {
            match outlet.producer.try_send(&outgoing, unit.line) {
                Ok(()) => break,
                Err(Refused::Full) if self.is_stopped() => return false,
                Err(Refused::Full) => outlet.producer.wait_for_room(),
                Err(Refused::Record(code)) => {
                    self.refused(unit.line, unit.bytes, code);
                    return true;
                }
            }
        }
        if let Some(tally) = &self.tally {
            lock(tally).add(event);
        }
        if let Some(pace) = &mut outlet.pace {
            pace.count();
        }
        self.read.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Records an event that was enqueued and not delivered.
    pub(super) fn not_delivered(&self, failed: &Failed<'_>) {
        if let Some(tally) = &self.tally {
            lock(tally).doubt(failed.key);
        }
        self.refused(failed.line, failed.value, failed.code);
    }

    /// Rejects the event if it caused the failure, otherwise fails the run.
    fn refused(&self, line: u64, bytes: &[u8], code: RDKafkaErrorCode) {
        use RDKafkaErrorCode::{InvalidMessage, InvalidRecord, InvalidTimestamp, MessageSizeTooLarge};
        if matches!(code, MessageSizeTooLarge | InvalidMessage | InvalidRecord | InvalidTimestamp) {
            self.reject(line, bytes, &code.to_string());
            return;
        }
        self.undelivered.fetch_add(1, Ordering::Relaxed);
        lock(&self.failure).get_or_insert(code);
        self.stopped.store(true, Ordering::Release);
    }

    fn reject(&self, line: u64, bytes: &[u8], reason: &str) {
        let mut rejects = self.rejects();
        if self.round.load(Ordering::Relaxed) > 1 {
            // It was printed and written in the first round.
            rejects.count();
            return;
        }
        rejects.add(line, bytes, reason);
        if rejects.failed() {
            self.stopped.store(true, Ordering::Release);
        }
    }

    /// Ends the reading; once this returns, no further event is enqueued.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        drop(lock(&self.turn));
    }

    /// Returns true if no further event is enqueued.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Returns the progress of the run.
    pub(super) fn state(&self, producer: &Producer) -> State {
        State {
            position: self.position.load(Ordering::Relaxed),
            read: self.read.load(Ordering::Relaxed),
            delivered: producer.delivered(),
            rejected: self.rejects().counted(),
            round: self.round.load(Ordering::Relaxed),
        }
    }

    /// Returns the last line processed.
    pub(super) fn line(&self) -> u64 {
        self.line.load(Ordering::Relaxed)
    }

    /// Returns the number of events that were enqueued and lost.
    pub(super) fn undelivered(&self) -> u64 {
        self.undelivered.load(Ordering::Relaxed)
    }

    /// Returns the reason of the first failure that was not caused by its event.
    pub(super) fn failure(&self) -> Option<RDKafkaErrorCode> {
        *lock(&self.failure)
    }

    /// Returns the rejected lines.
    pub(super) fn rejects(&self) -> MutexGuard<'_, Rejects> {
        lock(&self.rejects)
    }

    /// Returns the expected aggregates, if they are counted.
    pub(super) fn tally(&self) -> Option<Tally> {
        self.tally.as_ref().map(|tally| std::mem::take(&mut *lock(tally)))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
