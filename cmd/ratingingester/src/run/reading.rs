//! What the reading thread does, and what it shares with the thread that watches over it.

use crate::decode::{Decoded, Decoder};
use crate::event::Event;
use crate::input::Units;
use crate::producer::{Origin, Producer, Refused};
use crate::progress::State;
use crate::rejects::Rejects;
use rdkafka::error::RDKafkaErrorCode;
use std::io::BufRead;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A run's counters and its way to be ended.
pub(super) struct Reading {
    position: AtomicU64,
    line: AtomicU64,
    read: AtomicU64,
    undelivered: AtomicU64,
    stopped: AtomicBool,
    /// Held while a unit is dealt with: who sets `stopped` and then takes this knows that no event follows.
    turn: Mutex<()>,
    rejects: Mutex<Rejects>,
    failure: Mutex<Option<RDKafkaErrorCode>>,
}

impl Reading {
    /// Begins at the input's beginning.
    pub(super) fn new(rejects: Rejects) -> Self {
        Self {
            position: AtomicU64::new(0),
            line: AtomicU64::new(0),
            read: AtomicU64::new(0),
            undelivered: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            turn: Mutex::new(()),
            rejects: Mutex::new(rejects),
            failure: Mutex::new(None),
        }
    }

    /// Reads to the end of the input, or until it is stopped. The error says why it could not read on.
    pub(super) fn run<R: BufRead>(
        &self,
        units: &mut Units<R>,
        mut decoder: Decoder,
        producer: &Producer,
    ) -> Result<(), String> {
        let keep = self.rejects().keeps_bytes();
        loop {
            self.position.store(units.position(), Ordering::Relaxed);
            let Some(unit) = units.next().map_err(|e| e.to_string())? else { return Ok(()) };
            let _turn = lock(&self.turn);
            if self.stopped.load(Ordering::Acquire) {
                return Ok(());
            }
            match decoder.decode(&unit).map_err(|e| e.on(unit.line).to_string())? {
                Decoded::Header => self.rejects().keep(unit.bytes),
                Decoded::Rejected(reason) => self.reject(unit.line, unit.bytes, &reason),
                Decoded::Event(event) => {
                    let bytes = if keep { unit.bytes.into() } else { Box::default() };
                    if !self.send(producer, &event, Box::new(Origin { line: unit.line, bytes })) {
                        return Ok(());
                    }
                    self.read.fetch_add(1, Ordering::Relaxed);
                }
            }
            self.line.store(unit.line, Ordering::Relaxed);
        }
    }

    /// Queues an event, waiting for room; false where the run was stopped before there was any.
    fn send(&self, producer: &Producer, event: &Event, mut origin: Box<Origin>) -> bool {
        loop {
            match producer.try_send(event, origin) {
                Ok(()) => return true,
                Err(Refused::Full(back)) => origin = back,
                Err(Refused::Event(origin, code)) => {
                    self.not_delivered(&origin, code);
                    return true;
                }
            }
            if self.stopped.load(Ordering::Acquire) {
                return false;
            }
            producer.wait_for_room();
        }
    }

    /// Takes note of an event that didn't arrive: rejected where the event is to blame, else the run fails.
    pub(super) fn not_delivered(&self, origin: &Origin, code: RDKafkaErrorCode) {
        use RDKafkaErrorCode::{InvalidMessage, InvalidRecord, InvalidTimestamp, MessageSizeTooLarge};
        if matches!(code, MessageSizeTooLarge | InvalidMessage | InvalidRecord | InvalidTimestamp) {
            self.reject(origin.line, &origin.bytes, &code.to_string());
            return;
        }
        self.undelivered.fetch_add(1, Ordering::Relaxed);
        lock(&self.failure).get_or_insert(code);
        self.stopped.store(true, Ordering::Release);
    }

    fn reject(&self, line: u64, bytes: &[u8], reason: &str) {
        let mut rejects = self.rejects();
        rejects.add(line, bytes, reason);
        if rejects.failed() {
            self.stopped.store(true, Ordering::Release);
        }
    }

    /// Ends the reading; once this returns, no further event is queued.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        drop(lock(&self.turn));
    }

    /// Tells whether no further event is queued.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// How far the run has come.
    pub(super) fn state(&self, producer: &Producer) -> State {
        State {
            position: self.position.load(Ordering::Relaxed),
            read: self.read.load(Ordering::Relaxed),
            delivered: producer.delivered(),
            rejected: self.rejects().count(),
        }
    }

    /// The last line that was dealt with.
    pub(super) fn line(&self) -> u64 {
        self.line.load(Ordering::Relaxed)
    }

    /// How many events were queued and given up.
    pub(super) fn undelivered(&self) -> u64 {
        self.undelivered.load(Ordering::Relaxed)
    }

    /// Why the first event was given up that is not to blame for it.
    pub(super) fn failure(&self) -> Option<RDKafkaErrorCode> {
        *lock(&self.failure)
    }

    /// The rejected lines.
    pub(super) fn rejects(&self) -> MutexGuard<'_, Rejects> {
        lock(&self.rejects)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
