//! The state of the connection to one Consul. Watches and writes report the results of their requests here, and learn
//! whether a response can be believed. Each change is logged once.

use crate::registration::{HEARTBEAT, chain};
use crate::registry::{Doubts, Error};
use fault::{Fault, Kind};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The maximum time between two successful heartbeats in normal operation. After a longer one, other instances
/// may have expired, whatever delayed the heartbeat: the network, or a frozen process.
const OVERDUE: Duration = HEARTBEAT.saturating_mul(2);

/// The connection to one Consul, shared by its watches and writes.
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
    /// The last moment at which Consul was known to be unreachable, or its data to be in doubt.
    trouble: Option<Instant>,
    /// When the last heartbeat succeeded, while an instance is registered.
    beat: Option<Instant>,
}

/// The last result that one client reported.
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
    /// Its heartbeat was rejected, or its response did not come from Consul.
    Unusable,
    /// It got no response.
    Away,
}

impl State {
    fn any(&self, outcome: Outcome) -> bool {
        self.askers.values().any(|report| report.outcome == outcome)
    }

    /// Whether a client currently fails, or the heartbeat is overdue.
    fn is_troubled(&self, now: Instant) -> bool {
        let overdue = self.beat.is_some_and(|beat| now.saturating_duration_since(beat) > OVERDUE);
        overdue || self.askers.values().any(|report| report.outcome != Outcome::Well)
    }
}

impl Link {
    /// Creates the link to the Consul at `url`, which has not been tried yet.
    pub(crate) fn new(url: &str) -> Arc<Self> {
        // The part before an `@` is secret.
        let consul = url.rsplit_once('@').map_or(url, |(_, place)| place).to_owned();
        let state = Mutex::default();
        Arc::new(Self { consul, next_asker: AtomicU64::new(0), state, disturbed: Notify::new() })
    }

    /// Returns true if the last request to Consul succeeded.
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

    /// Reports that no heartbeat is due any longer.
    pub(crate) fn rest(&self) {
        self.lock().beat = None;
    }

    /// Returns the last moment at which the data of a response received at `now` to a request sent at `asked` was in
    /// doubt; `None` if it never was. An outage counts for all clients, whichever of them noticed it.
    pub(crate) fn last_doubt(&self, asked: Instant, now: Instant) -> Option<Instant> {
        let state = self.lock();
        let since = state.trouble.is_some_and(|trouble| trouble >= asked);
        if since || state.is_troubled(now) { Some(now) } else { state.trouble }
    }

    /// Returns the current reasons not to believe Consul.
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

/// A client that sends one request after the other: a watch, or the writes of registrations.
pub(crate) struct Asker {
    pub(crate) link: Arc<Link>,
    id: u64,
    writes: bool,
}

impl Asker {
    /// Creates a client that registers instances and keeps them alive.
    pub(crate) fn writer(link: &Arc<Link>) -> Self {
        Self::new(link, true)
    }

    /// Creates a client that watches one service.
    pub(crate) fn watch(link: &Arc<Link>) -> Self {
        Self::new(link, false)
    }

    fn new(link: &Arc<Link>, writes: bool) -> Self {
        let id = link.next_asker.fetch_add(1, Ordering::Relaxed);
        Self { link: Arc::clone(link), id, writes }
    }

    /// Records the result of a request. Consul is unreachable from the first failure until no client fails any
    /// longer, so that a request that always fails beside others that succeed is not logged with each response.
    pub(crate) fn note<T>(&self, answer: &Result<T, Error>) {
        let mut state = self.link.lock();
        let outcome = answer.as_ref().err().map_or(Outcome::Well, |error| self.outcome(error));
        let report = state.askers.entry(self.id).or_default();
        let before = std::mem::replace(&mut report.outcome, outcome);
        // The end of a problem is its last moment.
        if before != Outcome::Well || outcome != Outcome::Well {
            state.trouble = Some(Instant::now());
        }
        let consul = &self.link.consul;
        match answer {
            Err(error) if outcome == Outcome::Away && !state.away => {
                state.away = true;
                tracing::warn!(consul, error = chain(error), "the registry is unreachable, retrying");
                self.link.disturbed.notify_waiters();
            }
            _ if state.away && !state.any(Outcome::Away) => {
                state.away = false;
                tracing::info!(consul, "the registry is reachable again");
                self.link.disturbed.notify_waiters();
            }
            _ => {}
        }
    }

    /// Records the problems of the watch's responses.
    pub(crate) fn set_doubts(&self, filtered: bool, retaining: bool) {
        let mut state = self.link.lock();
        let report = state.askers.entry(self.id).or_default();
        (report.filtered, report.retaining) = (filtered, retaining);
    }

    /// A rejected watch does not affect other services, unlike a rejected heartbeat: Consul has lost the
    /// instance, or its permissions.
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
    /// A client that ends no longer fails; only a response shows that Consul is reachable again.
    fn drop(&mut self) {
        self.link.lock().askers.remove(&self.id);
    }
}

#[cfg(test)]
mod tests;
