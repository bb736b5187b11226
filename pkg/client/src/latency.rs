//! The 95th percentile of the latency of recent calls, after which a read is hedged.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Number of responses after which the percentile is computed again; it is unknown before.
const REFRESH: u32 = 128;

/// Number of responses at which the weight of the older ones is halved.
const WINDOW: u32 = 1024;

/// Number of buckets. As in HdrHistogram there are eight for each power of two of microseconds, so that an upper bound
/// is at most an eighth too high, up to more than a minute.
const BUCKETS: usize = 192;

const LONGEST: u64 = (1 << 26) - 1;

/// A histogram of bounded size whose older half decays. A hedge waits for the 95th percentile because it then costs
/// one call in twenty: J. Dean and L. Barroso, "The Tail at Scale" (CACM 56.2, 2013).
#[derive(Debug)]
pub(crate) struct Latencies {
    histogram: Mutex<Histogram>,
    /// In microseconds; 0 while it is unknown.
    p95: AtomicU64,
}

#[derive(Debug)]
struct Histogram {
    buckets: [u32; BUCKETS],
    total: u32,
    fresh: u32,
}

impl Latencies {
    pub(crate) fn new() -> Self {
        let histogram = Histogram { buckets: [0; BUCKETS], total: 0, fresh: 0 };
        Self { histogram: Mutex::new(histogram), p95: AtomicU64::new(0) }
    }

    /// Records the latency of a response.
    pub(crate) fn record(&self, latency: Duration) {
        let mut histogram = self.histogram.lock().unwrap_or_else(PoisonError::into_inner);
        histogram.buckets[bucket(latency)] += 1;
        histogram.total += 1;
        histogram.fresh += 1;
        if histogram.fresh == REFRESH {
            histogram.fresh = 0;
            self.p95.store(histogram.p95(), Ordering::Relaxed);
            if histogram.total >= WINDOW {
                histogram.decay();
            }
        }
    }

    /// Returns the 95th percentile; `None` before there are enough responses.
    pub(crate) fn p95(&self) -> Option<Duration> {
        match self.p95.load(Ordering::Relaxed) {
            0 => None,
            p95 => Some(Duration::from_micros(p95)),
        }
    }
}

impl Histogram {
    fn p95(&self) -> u64 {
        let mut slower = self.total / 20;
        for (bucket, count) in self.buckets.iter().enumerate().rev() {
            match slower.checked_sub(*count) {
                Some(rest) => slower = rest,
                None => return upper_bound(bucket),
            }
        }
        upper_bound(0)
    }

    fn decay(&mut self) {
        self.buckets.iter_mut().for_each(|count| *count /= 2);
        self.total = self.buckets.iter().sum();
    }
}

fn bucket(latency: Duration) -> usize {
    let micros = u64::try_from(latency.as_micros()).unwrap_or(LONGEST).min(LONGEST);
    let Some(octave) = micros.checked_ilog2().and_then(|power| power.checked_sub(3)) else {
        return micros as usize;
    };
    (octave as usize + 1) * 8 + ((micros >> octave) & 7) as usize
}

/// Returns the lowest number of microseconds that belongs to a later bucket.
fn upper_bound(bucket: usize) -> u64 {
    let (octave, step) = (bucket / 8, (bucket % 8) as u64);
    match octave.checked_sub(1) {
        None => step + 1,
        Some(octave) => (8 + step + 1) << octave,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p95_of(micros: impl IntoIterator<Item = u64>) -> u64 {
        let latencies = Latencies::new();
        micros.into_iter().for_each(|micros| latencies.record(Duration::from_micros(micros)));
        latencies.p95().unwrap().as_micros() as u64
    }

    #[test]
    fn latency_is_below_the_bound_of_its_bucket_by_at_most_an_eighth() {
        for micros in (0..5000).chain((1..26).flat_map(|power| [(1 << power) - 1, 1 << power])) {
            let bound = upper_bound(bucket(Duration::from_micros(micros)));
            assert!(bound > micros && bound <= (micros + micros / 8 + 1).max(1), "{micros}: {bound}");
        }
        assert_eq!(bucket(Duration::MAX), BUCKETS - 1);
    }

    #[test]
    fn result_is_near_the_true_percentile() {
        for scale in [1, 50, 20_000] {
            let p95 = p95_of((0..1024).map(|n| (n * 37 % 1000) * scale));
            assert!((950 * scale..=1080 * scale).contains(&p95), "{p95} of {scale}");
        }
        assert_eq!(p95_of((0..1024).map(|n| if n % 32 == 0 { 200_000 } else { 1000 })), 1024);
    }

    #[test]
    fn percentile_is_unknown_before_128_responses() {
        let latencies = Latencies::new();
        (0..127).for_each(|_| latencies.record(Duration::from_millis(1)));
        assert_eq!(latencies.p95(), None);
        latencies.record(Duration::from_millis(1));
        assert!(latencies.p95().is_some());
    }

    #[test]
    fn older_responses_decay() {
        let days = (0..100_000).map(|_| 50_000);
        let slow = p95_of(days.clone());
        assert!((50_000..=56_250).contains(&slow), "{slow}");
        let quick = p95_of(days.chain((0..5 * 1024).map(|_| 1000)));
        assert!((1000..=1125).contains(&quick), "{quick} after latencies fell");
    }
}
