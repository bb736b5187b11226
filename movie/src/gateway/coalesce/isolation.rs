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
const BUDGET_WINDOW: Duration = Duration::from_secs(30);

/// After so many failed calls for one batch, none of whose parts succeeded, it is the service that fails: the batch, its
/// halves and its quarters.
const FAILURES: usize = 7;

/// How long a service that failed like this is not asked again for parts of a batch, unless a whole batch succeeds.
const FAILING: Duration = Duration::from_secs(1);

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
    failing_until: Option<Instant>,
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
        self.state().failing_until = None;
    }

    /// Whether a batch is to be asked for again in so many `parts`, which the budget then has paid for. `is_well` tells
    /// whether another of its parts succeeded, `failures` how many calls for it failed.
    pub(super) fn may_divide(&self, is_well: bool, failures: usize, parts: usize) -> bool {
        let now = Instant::now();
        let mut state = self.state();
        if !is_well && failures >= FAILURES {
            state.failing_until = Some(now + FAILING);
        }
        let fails = state.failing_until.is_some_and(|until| now < until);
        (is_well || !fails) && (0..parts).all(|_| self.budget.withdraw())
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
