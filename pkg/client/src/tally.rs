//! The tries of an instance: how they ended, and how long they took.

use crate::counter::Counter;
use crate::error::{Class, Failure};
use meter::{Histogram, Totals};
use std::array;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The upper bounds of the buckets of durations, in seconds.
pub const TRY_SECONDS: [f64; 11] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, f64::INFINITY];

/// How long the numbers of an instance are kept after it has left, so that its last ones are read.
const KEPT_FOR: Duration = Duration::from_secs(300);

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TryOutcome {
    Ok,
    Error,
    Unavailable,
    Late,
    Cancelled,
}

const OUTCOMES: [&str; 5] = ["ok", "error", "unavailable", "late", "cancelled"];

impl TryOutcome {
    /// Returns the outcome of a try that has ended with `result`.
    pub(crate) fn of<T, E: Failure>(result: &Result<T, E>) -> Self {
        match result.as_ref().map_err(Failure::class) {
            Ok(_) => Self::Ok,
            Err(Class::Application) => Self::Error,
            Err(Class::Unavailable | Class::Unsent | Class::Broken | Class::Cut) => Self::Unavailable,
            Err(Class::Late) => Self::Late,
        }
    }
}

/// The tries of one client at one instance. They are counted without a look-up: the endpoint owns its tally.
#[derive(Debug)]
pub(crate) struct Tally {
    outcomes: [Counter; OUTCOMES.len()],
    durations: Histogram<{ TRY_SECONDS.len() }>,
}

impl Default for Tally {
    fn default() -> Self {
        Self { outcomes: Default::default(), durations: Histogram::new(&TRY_SECONDS) }
    }
}

impl Tally {
    /// Counts a try that has ended after `took`.
    pub(crate) fn count(&self, outcome: TryOutcome, took: Duration) {
        self.outcomes[outcome as usize].count();
        self.durations.observe(took);
    }
}

/// The tries of all clients at one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceStatistics {
    /// The instance's id.
    pub id: String,
    /// Tries that have ended, by outcome: `ok`, `error` (of the service itself), `unavailable`, `late`, and `cancelled`
    /// by their caller.
    pub tries: [(&'static str, u64); 5],
    /// How long they took, with the bounds [`TRY_SECONDS`].
    pub durations: Totals<{ TRY_SECONDS.len() }>,
    /// Whether a client has ejected the instance; `None` if it has left.
    pub ejected: Option<bool>,
}

/// An endpoint of a client.
pub(crate) struct Observation {
    pub(crate) id: String,
    pub(crate) tally: Arc<Tally>,
    pub(crate) ejected: bool,
}

/// The tallies of the instances, by id, including those that have left lately.
#[derive(Debug, Default)]
pub(crate) struct Tallies(BTreeMap<String, Tallied>);

#[derive(Debug, Default)]
struct Tallied {
    tallies: Vec<Arc<Tally>>,
    /// The sum of the tallies whose endpoints are gone.
    outcomes: [u64; OUTCOMES.len()],
    durations: Totals<{ TRY_SECONDS.len() }>,
    ejected: bool,
    left_at: Option<Instant>,
}

impl Tallies {
    /// Adds the endpoints that are in use, and removes the instances that left too long ago.
    pub(crate) fn update(&mut self, observations: Vec<Observation>, now: Instant) {
        for instance in self.0.values_mut() {
            instance.ejected = false;
            instance.left_at.get_or_insert(now);
        }
        for Observation { id, tally, ejected } in observations {
            let instance = self.0.entry(id).or_default();
            instance.left_at = None;
            instance.ejected |= ejected;
            if !instance.tallies.iter().any(|known| Arc::ptr_eq(known, &tally)) {
                instance.tallies.push(tally);
            }
        }
        self.0.retain(|_, instance| instance.left_at.is_none_or(|left_at| now < left_at + KEPT_FOR));
        self.0.values_mut().for_each(Tallied::fold);
    }

    /// Returns the numbers of each instance.
    pub(crate) fn statistics(&self) -> Vec<InstanceStatistics> {
        self.0.iter().map(|(id, instance)| instance.statistics(id)).collect()
    }
}

impl Tallied {
    /// Adds up the tallies that no endpoint or lease uses any longer.
    fn fold(&mut self) {
        for gone in self.tallies.extract_if(.., |tally| Arc::strong_count(tally) == 1) {
            for (sum, outcome) in self.outcomes.iter_mut().zip(&gone.outcomes) {
                *sum += outcome.get();
            }
            self.durations.add(&gone.durations.totals());
        }
    }

    fn statistics(&self, id: &str) -> InstanceStatistics {
        let count = |outcome: usize| {
            self.outcomes[outcome]
                + self.tallies.iter().map(|tally| tally.outcomes[outcome].get()).sum::<u64>()
        };
        let mut durations = self.durations;
        self.tallies.iter().for_each(|tally| durations.add(&tally.durations.totals()));
        InstanceStatistics {
            id: id.to_owned(),
            tries: array::from_fn(|outcome| (OUTCOMES[outcome], count(outcome))),
            durations,
            ejected: self.left_at.is_none().then_some(self.ejected),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn seen(id: &str, tally: &Arc<Tally>, ejected: bool) -> Observation {
        Observation { id: id.to_owned(), tally: tally.clone(), ejected }
    }

    fn tries(tallies: &Tallies, id: &str) -> Option<u64> {
        let statistics = tallies.statistics();
        let instance = statistics.iter().find(|instance| instance.id == id)?;
        let tries = instance.tries.iter().map(|(_, tries)| tries).sum();
        assert_eq!(instance.durations.count(), tries);
        Some(tries)
    }

    #[test]
    fn numbers_of_instance_survive_its_endpoints_until_it_has_left_for_long() {
        let (start, mut tallies) = (Instant::now(), Tallies::default());
        let (one, other) = (Arc::new(Tally::default()), Arc::new(Tally::default()));
        one.count(TryOutcome::Ok, MS);
        other.count(TryOutcome::Late, 30 * MS);
        tallies.update(vec![seen("a", &one, false), seen("a", &other, true)], start);
        assert_eq!(tries(&tallies, "a"), Some(2));
        assert_eq!(tallies.statistics()[0].ejected, Some(true));

        // A try that ends after its endpoint is gone is counted too.
        tallies.update(Vec::new(), start + MS);
        other.count(TryOutcome::Cancelled, MS);
        drop((one, other));
        tallies.update(Vec::new(), start + 2 * MS);
        assert_eq!((tries(&tallies, "a"), tallies.statistics()[0].ejected), (Some(3), None));

        let again = Arc::new(Tally::default());
        again.count(TryOutcome::Error, MS);
        tallies.update(vec![seen("a", &again, false)], start + KEPT_FOR);
        assert_eq!(tries(&tallies, "a"), Some(4), "it has come back in time");
        tallies.update(Vec::new(), start + 2 * KEPT_FOR);
        tallies.update(Vec::new(), start + 3 * KEPT_FOR - MS);
        assert_eq!(tries(&tallies, "a"), Some(4));
        tallies.update(Vec::new(), start + 3 * KEPT_FOR);
        assert_eq!(tries(&tallies, "a"), None);
    }

    #[test]
    fn endpoints_that_come_and_go_leave_no_tallies() {
        let (start, mut tallies) = (Instant::now(), Tallies::default());
        for _ in 0..1000 {
            let tally = Arc::new(Tally::default());
            tally.count(TryOutcome::Ok, MS);
            tallies.update(vec![seen("a", &tally, false)], start);
        }
        assert_eq!(tries(&tallies, "a"), Some(1000));
        assert!(tallies.0["a"].tallies.len() <= 1);
    }
}
