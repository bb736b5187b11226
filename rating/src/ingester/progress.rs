//! The progress of each partition: its stored offset, its end and its lag. The consumer and the lanes record it;
//! metrics and REST report it.

use crate::batch::Position;
use model::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue};
use prometheus_client::metrics::MetricType;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The progress of the assigned partitions. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    partitions: BTreeMap<i32, PartitionProgress>,
    paused: BTreeSet<usize>,
    ends_asked_at: Option<Timestamp>,
}

/// The progress of one partition.
#[derive(Clone, Debug)]
pub struct PartitionProgress {
    lane: usize,
    /// The stored offset, if one is stored.
    pub stored: Option<i64>,
    /// The next offset to apply.
    next: i64,
    last_applied: Option<Timestamp>,
    /// The end offset: that of the next new event.
    pub end: i64,
    /// Why the partition makes no progress, if it makes none.
    pub trouble: Option<(Trouble, String)>,
}

/// A reason why a partition makes no progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The stored offset does not belong to the topic.
    Lost,
    /// The first and end offsets cannot be read from the brokers; it is retried.
    Unreadable,
    /// Events are pending, and none has been read or applied for too long.
    Stalled,
}

impl PartitionProgress {
    /// Begins at the stored position, or at the first offset if none is stored.
    pub(super) fn begin(lane: usize, stored: Option<&Position>, (low, high): (i64, i64)) -> Self {
        Self {
            lane,
            stored: stored.map(|position| position.next_offset),
            next: stored.map_or(low, |position| position.next_offset),
            last_applied: stored.and_then(time),
            end: high,
            trouble: None,
        }
    }

    /// Returns the number of pending events.
    #[must_use]
    pub fn lag(&self) -> u64 {
        u64::try_from(self.end - self.next).unwrap_or(0)
    }

    /// Returns the age of the last applied event in seconds; 0 if no event is pending, `None` if none was applied.
    #[must_use]
    pub fn lag_seconds(&self, now: Timestamp) -> Option<f64> {
        if self.lag() == 0 {
            return Some(0.0);
        }
        let age = now.as_millis() - self.last_applied?.as_millis();
        // The clock of a producer may be ahead.
        Some(age.max(0) as f64 / 1000.0)
    }
}

fn time(position: &Position) -> Option<Timestamp> {
    (position.last_timestamp >= 0).then(|| Timestamp::from_millis(position.last_timestamp).ok()).flatten()
}

/// The progress of all partitions at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The partitions by number; true if the partition's lane is paused.
    pub partitions: Vec<(i32, PartitionProgress, bool)>,
    /// The number of lanes that are paused.
    pub paused_lanes: usize,
    /// When the end offsets were last read from the brokers.
    pub ends_asked_at: Option<Timestamp>,
}

impl Progress {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a partition. One that is stalled stays so until it makes progress.
    pub(super) fn begin(&self, partition: i32, mut reading: PartitionProgress) {
        let partitions = &mut self.state().partitions;
        let before = partitions.remove(&partition).and_then(|before| before.trouble);
        let stalled = before.filter(|(trouble, _)| *trouble == Trouble::Stalled);
        reading.trouble = reading.trouble.or(stalled);
        partitions.insert(partition, reading);
    }

    /// Resets a partition that is read from its first offset, `low`.
    pub(super) fn restart(&self, partition: i32, low: i64) {
        if let Some(reading) = self.state().partitions.get_mut(&partition) {
            (reading.next, reading.last_applied) = (low, None);
        }
    }

    /// Sets why a partition makes no progress; `None` if it makes progress.
    pub(super) fn trouble(&self, partition: i32, trouble: Option<(Trouble, String)>) {
        if let Some(reading) = self.state().partitions.get_mut(&partition) {
            reading.trouble = trouble;
        }
    }

    /// Removes all partitions: their consumer was replaced.
    pub(super) fn clear(&self) {
        self.state().partitions.clear();
    }

    /// Removes a revoked partition.
    pub(super) fn revoked(&self, partition: i32) {
        self.state().partitions.remove(&partition);
    }

    /// Records that a partition was applied up to `to`.
    pub(super) fn applied(&self, partition: i32, to: &Position) {
        if let Some(reading) = self.state().partitions.get_mut(&partition) {
            (reading.stored, reading.next) = (Some(to.next_offset), to.next_offset);
            reading.last_applied = time(to);
            reading.end = reading.end.max(to.next_offset);
        }
    }

    /// Records end offsets.
    pub(super) fn ends(&self, ends: &[(i32, i64)]) {
        let mut state = self.state();
        state.ends_asked_at = Some(Timestamp::now());
        for (partition, end) in ends {
            if let Some(reading) = state.partitions.get_mut(partition) {
                reading.end = *end;
            }
        }
    }

    /// Records whether a lane's partitions are paused.
    pub(super) fn pause(&self, lane: usize, paused: bool) {
        let lanes = &mut self.state().paused;
        if paused {
            lanes.insert(lane)
        } else {
            lanes.remove(&lane)
        };
    }

    /// Returns the current progress.
    pub(super) fn snapshot(&self) -> Snapshot {
        let state = self.state();
        let with_pause = |(partition, reading): (&i32, &PartitionProgress)| {
            (*partition, reading.clone(), state.paused.contains(&reading.lane))
        };
        Snapshot {
            partitions: state.partitions.iter().map(with_pause).collect(),
            paused_lanes: state.paused.len(),
            ends_asked_at: state.ends_asked_at,
        }
    }
}

impl Collector for Progress {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (snapshot, now) = (self.snapshot(), Timestamp::now());
        let mut out = Out { encoder: &mut encoder, partitions: &snapshot.partitions };
        out.each("stored_offset", "The stored offset of the next event to apply", |reading| reading.stored)?;
        out.each("end_offset", "The end offset: that of the next event to be produced", |reading| {
            Some(reading.end)
        })?;
        out.each("lag_events", "Events that are not yet applied", |reading| Some(reading.lag()))?;
        out.each("lag_seconds", "Age of the last applied event, 0 without lag", |reading| {
            reading.lag_seconds(now)
        })?;
        let in_trouble = |reading: &PartitionProgress, which| {
            Some(i64::from(reading.trouble.as_ref().is_some_and(|(trouble, _)| *trouble == which)))
        };
        out.each(
            "lost_offset",
            "1 if a partition is not read because its stored offset is lost",
            |reading| in_trouble(reading, Trouble::Lost),
        )?;
        out.each(
            "unreadable",
            "1 if the brokers do not report the first and last offset of a partition",
            |reading| in_trouble(reading, Trouble::Unreadable),
        )?;
        out.each(
            "stalled",
            "1 if events of a partition are pending and none is read or applied",
            |reading| in_trouble(reading, Trouble::Stalled),
        )?;
        let (assigned, paused) = (snapshot.partitions.len(), snapshot.paused_lanes);
        out.one("assigned_partitions", "Partitions assigned to this instance", assigned)?;
        out.one("paused_lanes", "Lanes so far behind that their partitions are paused", paused)
    }
}

/// Encodes gauges.
struct Out<'a, 'e> {
    encoder: &'a mut DescriptorEncoder<'e>,
    partitions: &'a [(i32, PartitionProgress, bool)],
}

impl Out<'_, '_> {
    fn each<V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        value: impl Fn(&PartitionProgress) -> Option<V>,
    ) -> fmt::Result {
        let mut metric = self.encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (partition, reading, _) in self.partitions {
            if let Some(value) = value(reading) {
                metric.encode_family(&[("partition", *partition)])?.encode_gauge(&value)?;
            }
        }
        Ok(())
    }

    fn one(&mut self, name: &str, help: &str, value: usize) -> fmt::Result {
        self.encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(next_offset: i64, last_timestamp: i64) -> Position {
        Position { next_offset, skipped: 0, last_timestamp, last_digest: 0 }
    }

    #[test]
    fn lag_counts_pending_events_and_age_of_last_applied_one() {
        let now = Timestamp::from_millis(10_000).unwrap();
        let progress = Progress::default();
        let reading = || progress.snapshot().partitions[0].1.clone();
        progress.begin(3, PartitionProgress::begin(0, None, (5, 9)));
        assert_eq!((reading().stored, reading().lag(), reading().lag_seconds(now)), (None, 4, None));
        progress.applied(3, &position(7, 8_500));
        assert_eq!((reading().stored, reading().lag(), reading().lag_seconds(now)), (Some(7), 2, Some(1.5)));
        progress.applied(3, &position(12, 8_500));
        assert_eq!((reading().end, reading().lag(), reading().lag_seconds(now)), (12, 0, Some(0.0)));
        progress.ends(&[(3, 20), (4, 1)]);
        assert_eq!((reading().lag(), progress.snapshot().partitions.len()), (8, 1));
    }
}
