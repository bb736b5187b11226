//! Decides when a partition is stalled: events are, or may be, pending, and none is read or applied. The clock is a
//! parameter.

use std::time::{Duration, Instant};

/// The number of consecutive errors that counts as repeated.
const REPEATED: u32 = 5;

/// The time without an error that ends a series of errors, and the time for which a partition may make no progress
/// during one.
pub(super) const QUIET: Duration = Duration::from_secs(5);

/// The state of a partition at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Observation {
    /// The next offset to apply.
    pub(super) applied: i64,
    /// The next offset to read.
    pub(super) read: i64,
    /// The end offset; `None` while the leader does not respond.
    pub(super) end: Option<i64>,
    /// The number of chunks that the partition's lane has finished.
    pub(super) chunks: u64,
    /// Whether the partition is paused because its lane is behind.
    pub(super) paused: bool,
}

impl Observation {
    /// Returns whether all events are applied.
    fn is_done(&self) -> bool {
        self.end.is_some_and(|end| self.applied >= end.max(self.read))
    }

    /// Returns whether the partition's events wait for other work of the lane.
    const fn waits_for_lane(&self) -> bool {
        self.paused || self.applied < self.read
    }
}

/// How long a partition has made no progress.
#[derive(Debug)]
pub(super) struct Stall {
    /// The highest offsets that were applied and read. Reading an offset again is no progress.
    pub(super) applied: i64,
    pub(super) read: i64,
    chunks: u64,
    since: Instant,
    /// Whether the partition is reported as stalled.
    pub(super) reported: bool,
}

impl Stall {
    /// Returns the state of a partition whose reading starts now.
    pub(super) const fn new(now: Instant) -> Self {
        Self { applied: -1, read: -1, chunks: 0, since: now, reported: false }
    }

    /// Resets the offsets, as if nothing had been applied. A report stays until the next observation.
    pub(super) const fn restart(&mut self, now: Instant) {
        (self.applied, self.read, self.since) = (-1, -1, now);
    }

    /// Returns whether offsets from `next` on were applied.
    pub(super) const fn is_beyond(&self, next: i64) -> bool {
        self.applied > next
    }

    /// Adds an observation. Returns when the partition last made progress or had nothing to do.
    pub(super) fn observe(&mut self, now: Instant, seen: Observation) -> Instant {
        let lane_moved = seen.waits_for_lane() && seen.chunks != self.chunks;
        if seen.applied > self.applied || seen.read > self.read || lane_moved || seen.is_done() {
            self.since = now;
        }
        self.applied = self.applied.max(seen.applied);
        self.read = self.read.max(seen.read);
        self.chunks = seen.chunks;
        self.since
    }
}

/// The errors that the consumer returns; they do not name a partition.
#[derive(Debug, Default)]
pub(super) struct Errors(Option<Series>);

/// A series of errors.
#[derive(Debug)]
struct Series {
    last: Instant,
    count: u32,
    text: String,
}

impl Errors {
    /// Records an error.
    pub(super) fn note(&mut self, now: Instant, text: String) {
        match &mut self.0 {
            Some(series) if now - series.last <= QUIET => {
                (series.last, series.count) = (now, series.count + 1);
            }
            _ => self.0 = Some(Series { last: now, count: 1, text }),
        }
    }

    /// Returns the first error of a series of repeated errors: the others may follow from it.
    pub(super) fn repeated(&self, now: Instant) -> Option<&str> {
        let series =
            self.0.as_ref().filter(|series| series.count >= REPEATED && now - series.last <= QUIET)?;
        Some(&series.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn observation() -> impl Strategy<Value = (u64, Observation)> {
        let end = proptest::option::weighted(0.8, 0..6_i64);
        (0..20_u64, 0..4_i64, 0..4_i64, end, 0..3_u64, any::<bool>()).prop_map(
            |(seconds, applied, ahead, end, chunks, paused)| {
                (seconds, Observation { applied, read: applied + ahead, end, chunks, paused })
            },
        )
    }

    proptest! {
        /// Progress is a new furthest offset, a chunk of the lane that is waited for, or nothing to do.
        #[test]
        fn stall_lasts_since_the_last_progress(steps in proptest::collection::vec(observation(), 1..40)) {
            let start = Instant::now();
            let mut stall = Stall::new(start);
            let mut now = start;
            let mut history: Vec<(Instant, Observation)> = Vec::new();
            for (seconds, seen) in steps {
                now += Duration::from_secs(seconds);
                history.push((now, seen));
                let progress = (0..history.len()).rev().find(|&index| {
                    let (before, (_, seen)) = (&history[..index], history[index]);
                    let chunks = before.last().map_or(0, |(_, before)| before.chunks);
                    before.iter().all(|(_, before)| seen.applied > before.applied)
                        || before.iter().all(|(_, before)| seen.read > before.read)
                        || (seen.paused || seen.read > seen.applied) && seen.chunks != chunks
                        || seen.end.is_some_and(|end| end.max(seen.read) <= seen.applied)
                });
                let expected = progress.map_or(start, |index| history[index].0);
                prop_assert_eq!(stall.observe(now, seen), expected);
            }
        }
    }

    #[test]
    fn partition_that_is_read_again_from_an_earlier_offset_makes_no_progress() {
        let start = Instant::now();
        let mut stall = Stall::new(start);
        let seen = |read| Observation { applied: 1, read, end: Some(22), chunks: 0, paused: false };
        for (second, read) in [5, 1, 5, 1, 5].into_iter().enumerate() {
            assert_eq!(stall.observe(start + Duration::from_secs(second as u64), seen(read)), start);
        }
    }

    #[test]
    fn errors_count_as_repeated_while_they_go_on() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut errors = Errors::default();
        for second in 0..4 {
            errors.note(at(second), "one".to_owned());
        }
        assert_eq!(errors.repeated(at(4)), None);
        errors.note(at(4), "two".to_owned());
        assert_eq!(errors.repeated(at(9)), Some("one"));
        assert_eq!(errors.repeated(at(10)), None);
        errors.note(at(20), "three".to_owned());
        assert_eq!(errors.repeated(at(20)), None);
    }
}
