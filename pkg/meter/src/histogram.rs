//! A histogram of durations that is counted without a lock, and read as plain numbers.
//!
//! The histogram of `prometheus-client` locks a mutex for each observation, which threads on a hot path contend for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A histogram with `N` buckets.
#[derive(Debug)]
pub struct Histogram<const N: usize> {
    bounds: &'static [f64; N],
    counts: [AtomicU64; N],
    nanoseconds: AtomicU64,
}

/// What a histogram has counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals<const N: usize> {
    counts: [u64; N],
    sum: Duration,
}

impl<const N: usize> Histogram<N> {
    /// Creates an empty histogram. `bounds` are the upper bounds of the buckets in seconds, ascending; the last one is
    /// infinite.
    #[must_use]
    pub const fn new(bounds: &'static [f64; N]) -> Self {
        Self { bounds, counts: [const { AtomicU64::new(0) }; N], nanoseconds: AtomicU64::new(0) }
    }

    /// Counts a duration. Returns the index of its bucket.
    pub fn observe(&self, duration: Duration) -> usize {
        let seconds = duration.as_secs_f64();
        let bucket = self.bounds.partition_point(|bound| *bound < seconds).min(N - 1);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
        bucket
    }

    /// Returns the upper bounds of the buckets in seconds.
    pub const fn bounds(&self) -> &'static [f64; N] {
        self.bounds
    }

    /// Returns what has been counted. Durations that are counted at the same time may be missing from the sum only.
    pub fn totals(&self) -> Totals<N> {
        Totals {
            counts: std::array::from_fn(|bucket| self.counts[bucket].load(Ordering::Relaxed)),
            sum: Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)),
        }
    }
}

impl<const N: usize> Totals<N> {
    /// Adds what another histogram with the same bounds has counted.
    pub fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        self.sum += other.sum;
    }

    /// Returns the number of durations.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Returns the sum of the durations.
    #[must_use]
    pub const fn sum(&self) -> Duration {
        self.sum
    }

    /// Returns the number of durations in each bucket, not cumulated.
    #[must_use]
    pub const fn counts(&self) -> &[u64; N] {
        &self.counts
    }
}

impl<const N: usize> Default for Totals<N> {
    fn default() -> Self {
        Self { counts: [0; N], sum: Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: [f64; 3] = [0.001, 0.1, f64::INFINITY];

    #[test]
    fn bound_belongs_to_its_bucket_and_longest_durations_to_last() {
        let histogram = Histogram::new(&BOUNDS);
        for (microseconds, bucket) in
            [(0, 0), (1_000, 0), (1_001, 1), (100_000, 1), (100_001, 2), (u64::MAX / 1_000_000, 2)]
        {
            assert_eq!(histogram.observe(Duration::from_micros(microseconds)), bucket, "{microseconds} us");
        }
        assert_eq!((histogram.totals().counts(), histogram.totals().count()), (&[2, 2, 2], 6));
    }

    #[test]
    fn totals_of_several_histograms_add_up() {
        let (one, other) = (Histogram::new(&BOUNDS), Histogram::new(&BOUNDS));
        one.observe(Duration::from_millis(2));
        other.observe(Duration::from_millis(3));
        other.observe(Duration::from_secs(1));
        let mut totals = one.totals();
        totals.add(&other.totals());
        assert_eq!((totals.counts(), totals.sum()), (&[0, 2, 1], Duration::from_millis(1005)));
    }
}
