//! What ingestion counts.

use crate::batch::Outcome;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The counters of ingestion; its clones share them.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    events: Family<OfOutcome, Counter>,
    rejected: Family<OfReason, Counter>,
    batches: Counter,
    fenced: Counter,
    stored: Family<OfPartition, Gauge>,
    lost: Family<OfPartition, Gauge>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfOutcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfReason {
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfPartition {
    partition: i32,
}

impl Metrics {
    /// Has them served.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("ingest");
        registry.register("events", "Events that were applied, by what they came to", self.events.clone());
        registry.register("rejected_events", "Events that went to the dead letters", self.rejected.clone());
        registry.register("batches", "Transactions that applied events", self.batches.clone());
        registry.register(
            "fenced",
            "Batches refused because the partition has another owner",
            self.fenced.clone(),
        );
        registry.register("stored_offset", "The next offset to be applied", self.stored.clone());
        registry.register(
            "lost_offset",
            "1 where a partition stands still for want of its offset",
            self.lost.clone(),
        );
    }

    pub(super) fn applied(&self, outcomes: &[Outcome]) {
        self.batches.inc();
        let mut counts = [0_u64; 5];
        for outcome in outcomes {
            counts[*outcome as usize] += 1;
        }
        for (outcome, count) in
            ["created", "replaced", "unchanged", "deleted", "absent"].into_iter().zip(counts)
        {
            if count > 0 {
                self.events.get_or_create(&OfOutcome { outcome }).inc_by(count);
            }
        }
    }

    pub(super) fn rejected(&self, reason: &'static str) {
        self.rejected.get_or_create(&OfReason { reason }).inc();
    }

    pub(super) fn fenced(&self) {
        self.fenced.inc();
    }

    pub(super) fn stored(&self, partition: i32, next_offset: i64) {
        self.stored.get_or_create(&OfPartition { partition }).set(next_offset);
    }

    pub(super) fn lost(&self, partition: i32, lost: bool) {
        self.lost.get_or_create(&OfPartition { partition }).set(lost.into());
    }

    /// Drops what was said of a partition that others read now.
    pub(super) fn revoked(&self, partition: i32) {
        self.stored.remove(&OfPartition { partition });
        self.lost.remove(&OfPartition { partition });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_counted_under_their_names() {
        let (metrics, mut registry) = (Metrics::default(), Registry::default());
        metrics.register(&mut registry);
        metrics.applied(&[Outcome::Created, Outcome::Absent, Outcome::Absent]);
        metrics.rejected("null");
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        assert!(text.contains("ingest_events_total{outcome=\"created\"} 1"), "{text}");
        assert!(text.contains("ingest_events_total{outcome=\"absent\"} 2"), "{text}");
        assert!(text.contains("ingest_rejected_events_total{reason=\"null\"} 1"), "{text}");
    }
}
