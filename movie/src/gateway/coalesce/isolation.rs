//! Decides whether a failed batch is requested again in parts, and remembers the ids that fail on their own.

use super::batch::{Batch, Reads, complete};
use crate::gateway::Error;
use model::RecordId;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tower::retry::budget::{Budget, TpsBudget};

/// The budget of additional calls, like that of a client's retries: one for six batches, and four each second. Unused
/// calls are kept longer than a client's, as finding one id of 500 takes 18 calls at once.
const BUDGET_SHARE: f32 = 0.166;
const BUDGET_RESERVE: u32 = 4;
const BUDGET_WINDOW: Duration = Duration::from_secs(60);

/// The failed calls for parts of one batch, without a success, after which it is not split further: the batch, its
/// halves and its quarters.
const FAILURES_OF_BATCH: usize = 7;

/// The failed calls without a success after which the service is assumed to fail for all ids. It is higher than
/// [`FAILURES_OF_BATCH`], as several batches with the same id may be in flight.
const FAILURES: usize = 14;

/// The time for which no batch of such a service is split. After it one batch is, as the failures may be those of a few
/// ids after all. Each pause is twice as long as the one before.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The time for which reads of a failed id get the remembered error. After it, a call for that id alone shows whether
/// it still fails.
const SUSPECT: Duration = Duration::from_secs(1);

/// The maximum number of remembered ids.
const SUSPECTS: usize = 256;

/// The recent failures of one service.
pub(super) struct Isolation {
    budget: TpsBudget,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Failed calls since the last success.
    failures: usize,
    /// The earliest time at which a batch may be split again.
    probe_after: Option<Instant>,
    pause: Duration,
    suspects: HashMap<RecordId, Suspect>,
}

struct Suspect {
    error: Error,
    until: Instant,
}

impl Isolation {
    pub(super) fn new() -> Self {
        let budget = TpsBudget::new(BUDGET_WINDOW, BUDGET_RESERVE, BUDGET_SHARE);
        Self { budget, state: Mutex::default() }
    }

    /// Counts a batch, which adds to the budget.
    pub(super) fn count_batch(&self) {
        self.budget.deposit();
    }

    /// Records a successful call.
    pub(super) fn record_success(&self) {
        let mut state = self.state();
        (state.failures, state.probe_after, state.pause) = (0, None, Duration::ZERO);
    }

    /// Records a failed call.
    pub(super) fn record_failure(&self) {
        self.state().failures += 1;
    }

    /// Returns true if a batch may be requested again in so many `parts`; the calls are then taken from the budget.
    /// `has_success` states whether another of its parts succeeded, `failures` how many calls for it failed.
    pub(super) fn may_split(&self, has_success: bool, failures: usize, parts: usize) -> bool {
        let mut state = self.state();
        if !has_success && failures >= FAILURES_OF_BATCH {
            return false;
        }
        if !has_success && state.failures >= FAILURES {
            let now = Instant::now();
            if state.probe_after.is_some_and(|after| now < after) {
                return false;
            }
            state.pause = (state.pause * 2).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
            state.probe_after = Some(now + state.pause);
        }
        (0..parts).all(|_| self.budget.withdraw())
    }

    /// Remembers that `id` failed while other ids did not.
    pub(super) fn suspect(&self, id: &RecordId, error: &Error) {
        let suspects = &mut self.state().suspects;
        if suspects.len() >= SUSPECTS && !suspects.contains_key(id) {
            let oldest = suspects.iter().min_by_key(|(_, suspect)| suspect.until);
            if let Some(oldest) = oldest.map(|(id, _)| id.clone()) {
                suspects.remove(&oldest);
            }
        }
        suspects.insert(id.clone(), Suspect { error: error.clone(), until: Instant::now() + SUSPECT });
    }

    /// Forgets that `id` failed.
    pub(super) fn clear(&self, id: &RecordId) {
        self.state().suspects.remove(id);
    }

    /// Separates the reads of suspect ids from the others. A suspect id whose failure is recent gets that error again;
    /// every other suspect id becomes a batch of its own.
    pub(super) fn set_apart<V: Clone>(&self, reads: Reads<V>) -> (Reads<V>, Vec<Batch<V>>) {
        let state = self.state();
        if state.suspects.is_empty() {
            return (reads, Vec::new());
        }
        let (now, mut others, mut apart) = (Instant::now(), Vec::new(), HashMap::<_, Vec<_>>::new());
        for (id, waiter) in reads {
            match state.suspects.get(&id) {
                None => others.push((id, waiter)),
                Some(suspect) if now < suspect.until => complete(vec![waiter], Err(suspect.error.clone())),
                Some(_) => apart.entry(id).or_default().push(waiter),
            }
        }
        (others, apart.into_iter().map(|read| Batch::from_iter([read])).collect())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suspects = self.state().suspects.len();
        f.debug_struct("Isolation").field("budget", &self.budget).field("suspects", &suspects).finish()
    }
}
