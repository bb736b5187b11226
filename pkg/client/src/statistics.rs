//! Statistics of the calls to a service over all its clients, as plain numbers.

use crate::budget::RetryBudget;
use crate::counter::Counter;
use crate::tally::{InstanceStatistics, Observation, Tallies};
use std::array;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::time::Instant;

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
    /// Further tries that the retry budgets of all clients allow now.
    pub budget_balance: u64,
    /// The tries at each instance, ordered by id. Instances that have left are listed for 5 more minutes.
    pub by_instance: Vec<InstanceStatistics>,
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

    /// Returns the endpoints.
    fn observe(&self) -> Vec<Observation>;
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
    clients: Mutex<Clients>,
}

#[derive(Default)]
struct Clients {
    parts: Vec<ClientParts>,
    tallies: Tallies,
}

/// The parts of a client that are read for the statistics.
struct ClientParts {
    picker: Weak<dyn Observed>,
    budget: Arc<RetryBudget>,
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").field("tallies", &self.tallies).finish_non_exhaustive()
    }
}

impl Counters {
    /// Includes a client in the statistics until its picker is dropped.
    pub(crate) fn observe(&self, picker: Weak<dyn Observed>, budget: Arc<RetryBudget>) {
        let parts = &mut self.clients.lock().unwrap_or_else(PoisonError::into_inner).parts;
        parts.retain(|client| client.picker.strong_count() > 0);
        parts.push(ClientParts { picker, budget });
    }

    pub(crate) fn retried(&self, reason: Reason) {
        self.retries[reason as usize].count();
    }

    /// Begins to count a call, as abandoned unless [`Call::ended`] is called.
    pub(crate) fn call(&self) -> Call<'_> {
        Call { counters: self, outcome: Outcome::Abandoned }
    }

    /// Returns the current statistics of a service with this number of instances.
    pub(crate) fn statistics(&self, instances: usize) -> Statistics {
        let Clients { parts, tallies } = &mut *self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let clients = parts.iter().filter_map(|client| Some((client.picker.upgrade()?, &client.budget)));
        let (pickers, budgets): (Vec<_>, Vec<_>) = clients.unzip();
        tallies.update(pickers.iter().flat_map(|picker| picker.observe()).collect(), Instant::now());
        let by_instance = tallies.statistics();
        Statistics {
            calls: array::from_fn(|outcome| (OUTCOMES[outcome], self.calls[outcome].get())),
            tries: self.tries.get(),
            retries: array::from_fn(|reason| (REASONS[reason], self.retries[reason].get())),
            hedges: self.hedges.get(),
            hedges_won: self.hedges_won.get(),
            refusals: self.refusals.get(),
            ejections: self.ejections.get(),
            instances: instances as u64,
            ejected: by_instance.iter().filter(|instance| instance.ejected == Some(true)).count() as u64,
            in_flight: pickers.iter().map(|picker| picker.in_flight() as u64).sum(),
            budget_balance: budgets.iter().map(|budget| budget.balance()).sum(),
            by_instance,
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
