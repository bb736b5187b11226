//! The progress of each partition: its stored offset, its end and its lag. The consumer and the lanes record it;
//! metrics and REST report it.

use crate::batch::Position;
use meter::Sampler;
use model::Timestamp;
use prometheus_client::encoding::EncodeGaugeValue;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The progress of the assigned partitions. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    topic: String,
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
    /// The time of the oldest event that has been read and not applied.
    oldest_read: Option<Timestamp>,
    /// When the brokers last had no event that is not applied.
    caught_up_at: Option<Timestamp>,
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
            last_applied: stored.and_then(|position| time(position.last_timestamp)),
            oldest_read: None,
            caught_up_at: None,
            end: high,
            trouble: None,
        }
    }

    /// Returns the number of pending events.
    #[must_use]
    pub fn lag(&self) -> u64 {
        u64::try_from(self.end - self.next).unwrap_or(0)
    }

    /// Returns the age in seconds of the oldest event that is not applied; 0 if no event is pending. Before that event has
    /// been read, returns the age that it has at most; `None` if even that is unknown.
    #[must_use]
    pub fn lag_seconds(&self, now: Timestamp) -> Option<f64> {
        if self.lag() == 0 {
            return Some(0.0);
        }
        let since = self.oldest_read.or_else(|| self.last_applied.max(self.caught_up_at))?;
        // The clock of a producer may be ahead.
        Some((now.as_millis() - since.as_millis()).max(0) as f64 / 1000.0)
    }
}

/// Returns the time of a record; `None` if it has none.
fn time(milliseconds: i64) -> Option<Timestamp> {
    (milliseconds >= 0).then(|| Timestamp::from_millis(milliseconds).ok()).flatten()
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

    /// Sets the topic of the partitions.
    pub(super) fn set_topic(&self, topic: &str) {
        topic.clone_into(&mut self.state().topic);
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
            (reading.next, reading.last_applied, reading.oldest_read) = (low, None, None);
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

    /// Records the time, in milliseconds, of the oldest event of a partition that is read and not applied.
    pub(super) fn applying(&self, partition: i32, oldest: i64) {
        if let Some(reading) = self.state().partitions.get_mut(&partition) {
            reading.oldest_read = time(oldest);
        }
    }

    /// Records that a partition was applied up to `to`.
    pub(super) fn applied(&self, partition: i32, to: &Position) {
        if let Some(reading) = self.state().partitions.get_mut(&partition) {
            (reading.stored, reading.next) = (Some(to.next_offset), to.next_offset);
            (reading.last_applied, reading.oldest_read) = (time(to.last_timestamp), None);
            reading.end = reading.end.max(to.next_offset);
        }
    }

    /// Records end offsets.
    pub(super) fn ends(&self, ends: &[(i32, i64)]) {
        let mut state = self.state();
        let now = Timestamp::now();
        state.ends_asked_at = Some(now);
        for (partition, end) in ends {
            if let Some(reading) = state.partitions.get_mut(partition) {
                reading.end = *end;
                if reading.lag() == 0 {
                    reading.caught_up_at = Some(now);
                }
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

impl Progress {
    /// Encodes the metrics.
    pub(super) fn sample(&self, to: &mut Sampler<'_>) -> fmt::Result {
        let topic = self.state().topic.clone();
        let (snapshot, now) = (self.snapshot(), Timestamp::now());
        let mut out = Out { to, topic: &topic, partitions: &snapshot.partitions };
        out.each("stored_offset", "The stored offset of the next event to apply", |reading| reading.stored)?;
        out.each("end_offset", "The end offset: that of the next event to be produced", |reading| {
            Some(reading.end)
        })?;
        out.each("lag_events", "Events that are not yet applied", |reading| Some(reading.lag()))?;
        let help = "Age of the oldest event that is not yet applied, 0 if none is pending";
        out.each("lag_seconds", help, |reading| reading.lag_seconds(now))?;
        let in_trouble = |reading: &PartitionProgress, which| {
            Some(i64::from(reading.trouble.as_ref().is_some_and(|(trouble, _)| *trouble == which)))
        };
        let help = "1 if a partition is not read because its stored offset is lost";
        out.each("lost_offset", help, |reading| in_trouble(reading, Trouble::Lost))?;
        let help = "1 if the brokers do not report the first and last offset of a partition";
        out.each("unreadable", help, |reading| in_trouble(reading, Trouble::Unreadable))?;
        let help = "1 if events of a partition are pending and none is read or applied";
        out.each("stalled", help, |reading| in_trouble(reading, Trouble::Stalled))?;
        let (assigned, paused) = (snapshot.partitions.len(), snapshot.paused_lanes);
        to.gauge("ingest_assigned_partitions", "Partitions assigned to this instance", assigned)?;
        to.gauge("ingest_paused_lanes", "Lanes so far behind that their partitions are paused", paused)
    }
}

/// Encodes gauges of partitions.
struct Out<'a, 'e> {
    to: &'a mut Sampler<'e>,
    topic: &'a str,
    partitions: &'a [(i32, PartitionProgress, bool)],
}

impl Out<'_, '_> {
    fn each<V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        value: impl Fn(&PartitionProgress) -> Option<V>,
    ) -> fmt::Result {
        let rows = self.partitions.iter().filter_map(|(partition, reading, _)| {
            Some((([("topic", self.topic)], [("partition", *partition)]), value(reading)?))
        });
        self.to.gauges(&format!("ingest_{name}"), help, rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(next_offset: i64, last_timestamp: i64) -> Position {
        Position { next_offset, skipped: 0, last_timestamp, last_digest: 0 }
    }

    #[test]
    fn lag_counts_pending_events_and_age_of_oldest_one() {
        let now = Timestamp::from_millis(10_000).unwrap();
        let progress = Progress::default();
        let reading = || progress.snapshot().partitions[0].1.clone();
        let seconds = |now| reading().lag_seconds(now);
        progress.begin(3, PartitionProgress::begin(0, None, (5, 9)));
        assert_eq!((reading().stored, reading().lag(), seconds(now)), (None, 4, None));
        progress.applying(3, 2_000);
        assert_eq!((reading().lag(), seconds(now)), (4, Some(8.0)));
        progress.applied(3, &position(7, 8_500));
        assert_eq!((reading().stored, reading().lag(), seconds(now)), (Some(7), 2, Some(1.5)), "at most");
        progress.applying(3, 9_000);
        assert_eq!(seconds(now), Some(1.0), "exactly");
        progress.applying(3, -1);
        assert_eq!(seconds(now), Some(1.5), "an event without a time");
        progress.applied(3, &position(12, 8_500));
        assert_eq!((reading().end, reading().lag(), seconds(now)), (12, 0, Some(0.0)));
        progress.ends(&[(3, 20), (4, 1)]);
        assert_eq!((reading().lag(), progress.snapshot().partitions.len()), (8, 1));
    }

    #[test]
    fn first_event_after_quiet_hours_is_not_hours_old() {
        let progress = Progress::default();
        let seconds = || {
            let reading = progress.snapshot().partitions[0].1.clone();
            reading.lag_seconds(Timestamp::now()).unwrap()
        };
        progress.begin(0, PartitionProgress::begin(0, Some(&position(7, 1_000)), (0, 7)));
        progress.ends(&[(0, 8)]);
        assert!(seconds() > 1e9, "nobody has seen that nothing was pending");
        progress.ends(&[(0, 7)]);
        progress.ends(&[(0, 8)]);
        assert!(seconds() < 60.0, "it was pending at the last look at the earliest");
    }
}
