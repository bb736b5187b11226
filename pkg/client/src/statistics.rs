//! Statistics of the calls to a service over all its clients, as plain numbers.

use discovery::Instance;
use std::array;
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, Weak};

/// The calls to one service since its instances are followed, and the current state of the instances.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Calls that have ended, by outcome: `answered` (with a response of the service, possibly an error), `failed`,
    /// `late`, `no_instance`, and `abandoned` by their caller.
    pub calls: [(&'static str, u64); 5],
    /// Requests that were sent to an instance.
    pub tries: u64,
    /// Further tries, by the result of the one before: `unavailable`, `unsent`, `broken` or `silent`.
    pub retries: [(&'static str, u64); 4],
    /// Second requests of hedged reads.
    pub hedges: u64,
    /// Hedged reads whose second request got the first response.
    pub hedges_won: u64,
    /// Retries and hedges that the budget refused.
    pub refusals: u64,
    /// How often an instance was ejected, counted for each worker.
    pub ejections: u64,
    /// Known instances.
    pub instances: u64,
    /// Known instances that at least one worker has ejected.
    pub ejected: u64,
    /// Tries in flight.
    pub in_flight: u64,
}

/// How a call ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    Answered,
    Failed,
    Late,
    NoInstance,
    Abandoned,
}

const OUTCOMES: [&str; 5] = ["answered", "failed", "late", "no_instance", "abandoned"];

/// Why a call is retried on another instance.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reason {
    Unavailable,
    Unsent,
    Broken,
    Silent,
}

const REASONS: [&str; 4] = ["unavailable", "unsent", "broken", "silent"];

/// A picker with connections of any type.
pub(crate) trait Observed: Send + Sync {
    fn in_flight(&self) -> usize;

    /// Returns the instances that are ejected, or got no response since they were.
    fn ejected(&self) -> Vec<Instance>;
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters that the clients of one service share.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    calls: [Counter; OUTCOMES.len()],
    retries: [Counter; REASONS.len()],
    pub(crate) tries: Counter,
    pub(crate) hedges: Counter,
    pub(crate) hedges_won: Counter,
    pub(crate) refusals: Counter,
    pub(crate) ejections: Counter,
    pickers: Mutex<Vec<Weak<dyn Observed>>>,
}

impl Counters {
    /// Includes `picker` in the statistics until it is dropped.
    pub(crate) fn observe(&self, picker: Weak<dyn Observed>) {
        let mut pickers = self.pickers.lock().unwrap_or_else(PoisonError::into_inner);
        pickers.retain(|picker| picker.strong_count() > 0);
        pickers.push(picker);
    }

    pub(crate) fn retried(&self, reason: Reason) {
        self.retries[reason as usize].count();
    }

    /// Begins to count a call, as abandoned unless [`Call::ended`] is called.
    pub(crate) fn call(&self) -> Call<'_> {
        Call { counters: self, outcome: Outcome::Abandoned }
    }

    pub(crate) fn statistics(&self, instances: &[Instance]) -> Statistics {
        let pickers = self.pickers.lock().unwrap_or_else(PoisonError::into_inner);
        let pickers: Vec<_> = pickers.iter().filter_map(Weak::upgrade).collect();
        let ejected: HashSet<_> =
            pickers.iter().flat_map(|picker| picker.ejected()).map(|instance| instance.authority()).collect();
        Statistics {
            calls: array::from_fn(|outcome| (OUTCOMES[outcome], self.calls[outcome].get())),
            tries: self.tries.get(),
            retries: array::from_fn(|reason| (REASONS[reason], self.retries[reason].get())),
            hedges: self.hedges.get(),
            hedges_won: self.hedges_won.get(),
            refusals: self.refusals.get(),
            ejections: self.ejections.get(),
            instances: instances.len() as u64,
            ejected: ejected.len() as u64,
            in_flight: pickers.iter().map(|picker| picker.in_flight() as u64).sum(),
        }
    }
}

/// A call that is counted when it is dropped.
pub(crate) struct Call<'a> {
    counters: &'a Counters,
    outcome: Outcome,
}

impl Call<'_> {
    pub(crate) fn ended(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.counters.calls[self.outcome as usize].count();
    }
}
