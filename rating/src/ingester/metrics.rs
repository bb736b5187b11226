//! The metrics of ingestion.

use super::progress::Progress;
use crate::batch::Outcome;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// The bucket bounds of the batch histograms, in events and in seconds.
const EVENTS: [f64; 12] = [1.0, 10.0, 50.0, 100.0, 500.0, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5];
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// The metrics of ingestion. Clones share them.
#[derive(Clone, Debug)]
pub struct Metrics {
    events: Family<OfOutcome, Counter>,
    rejected: Family<OfReason, Counter>,
    batches: Counter,
    batch_events: Histogram,
    batch_seconds: Histogram,
    /// The sum of `batch_seconds`, which the histogram does not expose.
    seconds: Counter<f64, AtomicU64>,
    fenced: Counter,
    pub(super) progress: Progress,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            events: Family::default(),
            rejected: Family::default(),
            batches: Counter::default(),
            batch_events: Histogram::new(EVENTS),
            batch_seconds: Histogram::new(SECONDS),
            seconds: Counter::default(),
            fenced: Counter::default(),
            progress: Progress::default(),
        }
    }
}

/// Events and batches since the start.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    /// Applied events, by [`Outcome`].
    pub applied: [u64; APPLIED.len()],
    /// Events that were sent to the dead letters.
    pub rejected: u64,
    /// Events that were skipped because the stored offset was already past them.
    pub doubled: u64,
    /// Committed batches.
    pub batches: u64,
    /// The mean number of events of a batch.
    pub mean_events: f64,
    /// The mean time of a batch, from the writer's queue to the commit.
    pub mean_milliseconds: f64,
    /// Batches that were rejected because a partition had another owner.
    pub fenced: u64,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfOutcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfReason {
    reason: &'static str,
}

const APPLIED: [&str; 5] = ["created", "replaced", "unchanged", "deleted", "absent"];
const REJECTED: &str = "rejected";
const DOUBLED: &str = "doubled";

impl Metrics {
    /// Registers the metrics.
    pub fn register(&self, registry: &mut Registry) {
        let progress = self.progress.clone();
        meter::collect(registry, move |to| progress.sample(to));
        let registry = registry.sub_registry_with_prefix("ingest");
        registry.register("events", "Events by result", self.events.clone());
        let help = "Events sent to the dead-letter topic, by reason";
        registry.register("rejected_events", help, self.rejected.clone());
        registry.register("batches", "Transactions that applied events", self.batches.clone());
        registry.register("batch_events", "Events per batch", self.batch_events.clone());
        let help = "Time of a batch from the writer's queue to its commit";
        registry.register("batch_seconds", help, self.batch_seconds.clone());
        let help = "Batches rejected because another instance has taken over the partition";
        registry.register("fenced", help, self.fenced.clone());
    }

    /// Counts a batch that was committed after `took`.
    pub(super) fn applied(&self, outcomes: &[Outcome], took: Duration) {
        self.batches.inc();
        self.batch_events.observe(outcomes.len() as f64);
        self.batch_seconds.observe(took.as_secs_f64());
        self.seconds.inc_by(took.as_secs_f64());
        let mut counts = [0_u64; APPLIED.len()];
        for outcome in outcomes {
            counts[*outcome as usize] += 1;
        }
        for (outcome, count) in APPLIED.into_iter().zip(counts) {
            if count > 0 {
                self.events.get_or_create(&OfOutcome { outcome }).inc_by(count);
            }
        }
    }

    /// Counts an event that was sent to the dead letters.
    pub(super) fn rejected(&self, reason: &'static str) {
        self.events.get_or_create(&OfOutcome { outcome: REJECTED }).inc();
        self.rejected.get_or_create(&OfReason { reason }).inc();
    }

    /// Counts events that were skipped because the stored offset was past them.
    pub(super) fn doubled(&self, count: u64) {
        self.events.get_or_create(&OfOutcome { outcome: DOUBLED }).inc_by(count);
    }

    /// Counts a fenced batch.
    pub(super) fn fenced(&self) {
        self.fenced.inc();
    }

    /// Returns the current counts.
    pub(super) fn counts(&self) -> Counts {
        let count = |outcome| self.events.get(&OfOutcome { outcome }).map_or(0, |counter| counter.get());
        let (applied, batches) = (APPLIED.map(count), self.batches.get());
        let mean = |sum: f64| if batches == 0 { 0.0 } else { sum / batches as f64 };
        Counts {
            applied,
            rejected: count(REJECTED),
            doubled: count(DOUBLED),
            batches,
            mean_events: mean(applied.iter().sum::<u64>() as f64),
            mean_milliseconds: mean(self.seconds.get() * 1000.0),
            fenced: self.fenced.get(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_counted_under_their_names() {
        let (metrics, mut registry) = (Metrics::default(), Registry::default());
        metrics.register(&mut registry);
        let outcomes = [Outcome::Created, Outcome::Absent, Outcome::Absent];
        metrics.applied(&outcomes, Duration::from_millis(20));
        metrics.rejected("null");
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        assert!(text.contains("ingest_events_total{outcome=\"created\"} 1"), "{text}");
        assert!(text.contains("ingest_events_total{outcome=\"absent\"} 2"), "{text}");
        assert!(text.contains("ingest_events_total{outcome=\"rejected\"} 1"), "{text}");
        assert!(text.contains("ingest_rejected_events_total{reason=\"null\"} 1"), "{text}");
        assert!(text.contains("ingest_batch_events_bucket{le=\"10.0\"} 1"), "{text}");
        let Counts { applied, rejected, batches, mean_events, mean_milliseconds, .. } = metrics.counts();
        assert_eq!((batches, mean_events, mean_milliseconds), (1, 3.0, 20.0));
        assert_eq!((applied[Outcome::Absent as usize], rejected), (2, 1));
    }
}
