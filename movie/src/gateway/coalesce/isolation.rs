//! When a batch that failed is worth further calls, and which ids it failed for.

use super::{Batch, Error, Waiter, tell};
use model::RecordId;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tower::retry::budget::{Budget, TpsBudget};

/// Further calls for each batch, and for each second, as a client's retries: one for six, and four. Finding one id of
/// 500 takes 18 calls at once, so that what is saved up lasts longer than a client's.
const BUDGET_SHARE: f32 = 0.166;
const BUDGET_RESERVE: u32 = 4;
const BUDGET_WINDOW: Duration = Duration::from_secs(60);

/// After so many failed calls for parts of one batch without a success it is not divided further: the batch, its halves
/// and its quarters.
const FAILURES_OF_BATCH: usize = 7;

/// After so many failed calls without a success the service fails for all. There are more, as several batches with the
/// same id may be under way.
const FAILURES: usize = 14;

/// How long no batch of such a service is divided. Then one is, as the failures may be those of a few ids after all;
/// each pause is twice as long as the one before.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long the failure of an id is remembered; then a call for it alone finds out whether it lasts.
const SUSPECT: Duration = Duration::from_secs(1);

/// How many ids are remembered at most.
const SUSPECTS: usize = 256;

/// What is known about the failures of one service.
pub(super) struct Isolation {
    budget: TpsBudget,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Failed calls since the last success.
    failures: usize,
    /// When a batch may be divided again.
    probe_after: Option<Instant>,
    pause: Duration,
    suspects: HashMap<RecordId, Suspect>,
}

struct Suspect {
    error: Error,
    until: Instant,
}

type Reads<V> = Vec<(RecordId, Waiter<V>)>;

impl Isolation {
    pub(super) fn new() -> Self {
        let budget = TpsBudget::new(BUDGET_WINDOW, BUDGET_RESERVE, BUDGET_SHARE);
        Self { budget, state: Mutex::default() }
    }

    /// Counts a batch, which pays for parts of others.
    pub(super) fn count_batch(&self) {
        self.budget.deposit();
    }

    /// Records that the service succeeded.
    pub(super) fn is_well(&self) {
        let mut state = self.state();
        (state.failures, state.probe_after, state.pause) = (0, None, Duration::ZERO);
    }

    /// Records that the service failed.
    pub(super) fn failed(&self) {
        self.state().failures += 1;
    }

    /// Returns true if a batch is to be requested again in so many `parts`, after the budget has paid for them.
    /// `is_well` states whether another of its parts succeeded, `failures` how many calls for it failed.
    pub(super) fn may_divide(&self, is_well: bool, failures: usize, parts: usize) -> bool {
        let mut state = self.state();
        if !is_well && failures >= FAILURES_OF_BATCH {
            return false;
        }
        if !is_well && state.failures >= FAILURES {
            let now = Instant::now();
            if state.probe_after.is_some_and(|after| now < after) {
                return false;
            }
            state.pause = (state.pause * 2).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
            state.probe_after = Some(now + state.pause);
        }
        (0..parts).all(|_| self.budget.withdraw())
    }

    /// Remembers that `id` failed while others did not.
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

    /// Separates the reads that may go in batches from those of ids that failed before: a failure that is fresh is
    /// passed on, for others there is a batch each.
    pub(super) fn set_apart<V: Clone>(&self, reads: Reads<V>) -> (Reads<V>, Vec<Batch<V>>) {
        let state = self.state();
        if state.suspects.is_empty() {
            return (reads, Vec::new());
        }
        let (now, mut others, mut apart) = (Instant::now(), Vec::new(), HashMap::<_, Vec<_>>::new());
        for (id, waiter) in reads {
            match state.suspects.get(&id) {
                None => others.push((id, waiter)),
                Some(suspect) if now < suspect.until => tell(vec![waiter], Err(suspect.error.clone())),
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
