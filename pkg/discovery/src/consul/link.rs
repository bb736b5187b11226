//! The condition of the way to one Consul. Its watches and writes report here how their requests end, and learn whether a
//! response can be believed. Each change is one line in the log.

use crate::registration::{HEARTBEAT, chain};
use crate::registry::{Doubts, Error};
use fault::{Fault, Kind};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The longest time between two heartbeats that succeed while nothing is wrong. After a longer one other instances
/// may have expired, whatever held up the heartbeat: the network, or a process that stood still.
const OVERDUE: Duration = HEARTBEAT.saturating_mul(2);

/// The way to one Consul, shared by its watches and its writes.
pub(crate) struct Link {
    consul: String,
    next_asker: AtomicU64,
    state: Mutex<State>,
    disturbed: Notify,
}

#[derive(Default)]
struct State {
    askers: HashMap<u64, Report>,
    away: bool,
    /// The last moment at which Consul was known to be away, or its data to be in doubt.
    trouble: Option<Instant>,
    /// When the last heartbeat succeeded, while an instance is registered.
    beat: Option<Instant>,
}

/// What one asker reported last.
#[derive(Clone, Copy, Default)]
struct Report {
    outcome: Outcome,
    filtered: bool,
    retaining: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Outcome {
    /// It got a response, or an error that does not concern Consul's data.
    #[default]
    Well,
    /// Its heartbeat was refused, or its response was not Consul's.
    Unusable,
    /// It got no response.
    Away,
}

impl State {
    fn any(&self, outcome: Outcome) -> bool {
        self.askers.values().any(|report| report.outcome == outcome)
    }

    /// Whether an asker fails now, or the heartbeat is overdue.
    fn is_troubled(&self, now: Instant) -> bool {
        let overdue = self.beat.is_some_and(|beat| now.saturating_duration_since(beat) > OVERDUE);
        overdue || self.askers.values().any(|report| report.outcome != Outcome::Well)
    }
}

impl Link {
    /// A link to the Consul at `url` that nobody has tried yet.
    pub(crate) fn new(url: &str) -> Arc<Self> {
        // What stands before an `@` is a secret.
        let consul = url.rsplit_once('@').map_or(url, |(_, place)| place).to_owned();
        let state = Mutex::default();
        Arc::new(Self { consul, next_asker: AtomicU64::new(0), state, disturbed: Notify::new() })
    }

    /// Whether Consul could be asked at last.
    pub(crate) fn is_up(&self) -> bool {
        !self.lock().away
    }

    /// Resolves when Consul may have lost its memory.
    pub(crate) async fn disturbed(&self) {
        self.disturbed.notified().await;
    }

    /// Reports that Consul may have lost its memory.
    pub(crate) fn disturb(&self) {
        self.trouble();
        self.disturbed.notify_waiters();
    }

    /// Reports that Consul's data is in doubt at this moment.
    pub(crate) fn trouble(&self) {
        self.lock().trouble = Some(Instant::now());
    }

    /// Reports that a heartbeat succeeded.
    pub(crate) fn beat(&self) {
        let (mut state, now) = (self.lock(), Instant::now());
        let before = state.beat.replace(now);
        if before.is_some_and(|before| now.saturating_duration_since(before) > OVERDUE) {
            state.trouble = Some(now);
        }
    }

    /// Reports that no heartbeat is due any more.
    pub(crate) fn rest(&self) {
        self.lock().beat = None;
    }

    /// Returns the last moment at which the data of a response received at `now` to a request sent at `asked` was in
    /// doubt; `None` if it never was. An outage counts for all askers, whichever of them noticed it.
    pub(crate) fn last_doubt(&self, asked: Instant, now: Instant) -> Option<Instant> {
        let state = self.lock();
        let since = state.trouble.is_some_and(|trouble| trouble >= asked);
        if since || state.is_troubled(now) { Some(now) } else { state.trouble }
    }

    /// What keeps Consul from being believed now.
    pub(crate) fn doubts(&self) -> Doubts {
        let state = self.lock();
        let count = |is: fn(&Report) -> bool| state.askers.values().filter(|report| is(report)).count();
        Doubts {
            filtered: count(|report| report.filtered),
            retaining: count(|report| report.retaining),
            unusable: count(|report| report.outcome == Outcome::Unusable),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A watch, or whatever writes: sends one request after the other.
pub(crate) struct Asker {
    pub(crate) link: Arc<Link>,
    id: u64,
    writes: bool,
}

impl Asker {
    /// An asker that registers instances and keeps them alive.
    pub(crate) fn writer(link: &Arc<Link>) -> Self {
        Self::new(link, true)
    }

    /// An asker that watches one service.
    pub(crate) fn watch(link: &Arc<Link>) -> Self {
        Self::new(link, false)
    }

    fn new(link: &Arc<Link>, writes: bool) -> Self {
        let id = link.next_asker.fetch_add(1, Ordering::Relaxed);
        Self { link: Arc::clone(link), id, writes }
    }

    /// Records how a request ended. Consul is away from the first failure until no asker fails any more, so that
    /// one request that always fails beside others that don't is not logged with each response.
    pub(crate) fn note<T>(&self, answer: &Result<T, Error>) {
        let mut state = self.link.lock();
        let outcome = answer.as_ref().err().map_or(Outcome::Well, |error| self.outcome(error));
        let report = state.askers.entry(self.id).or_default();
        let before = std::mem::replace(&mut report.outcome, outcome);
        // The end of a trouble is its last moment.
        if before != Outcome::Well || outcome != Outcome::Well {
            state.trouble = Some(Instant::now());
        }
        let consul = &self.link.consul;
        match answer {
            Err(error) if outcome == Outcome::Away && !state.away => {
                state.away = true;
                tracing::warn!(consul, error = chain(error), "the registry is away, trying on");
                self.link.disturbed.notify_waiters();
            }
            _ if state.away && !state.any(Outcome::Away) => {
                state.away = false;
                tracing::info!(consul, "the registry is back");
                self.link.disturbed.notify_waiters();
            }
            _ => {}
        }
    }

    /// Records what is wrong with the watch's responses.
    pub(crate) fn set_doubts(&self, filtered: bool, retaining: bool) {
        let mut state = self.link.lock();
        let report = state.askers.entry(self.id).or_default();
        (report.filtered, report.retaining) = (filtered, retaining);
    }

    /// A refused watch does not concern other services, unlike a refused heartbeat: Consul has lost the
    /// instance, or its rights.
    fn outcome(&self, error: &Error) -> Outcome {
        match error.kind() {
            _ if error.is_outage() => Outcome::Away,
            Kind::InvalidArgument | Kind::Unauthenticated | Kind::PermissionDenied | Kind::NotFound
                if !self.writes =>
            {
                Outcome::Well
            }
            _ => Outcome::Unusable,
        }
    }
}

impl Drop for Asker {
    /// An asker that ends fails no more; only a response shows that Consul is back.
    fn drop(&mut self) {
        self.link.lock().askers.remove(&self.id);
    }
}

#[cfg(test)]
mod tests;
