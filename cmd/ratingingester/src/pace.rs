//! Spreads events evenly over time.

use std::time::{Duration, Instant};

/// The maximum backlog that is caught up after a delay; the rest is dropped.
const DEBT: Duration = Duration::from_millis(500);

/// Computes when the next event is due at a given rate.
#[derive(Debug)]
pub(crate) struct Pace {
    rate: u64,
    start: Instant,
    sent: u64,
}

impl Pace {
    /// Starts at `now`.
    pub(crate) fn new(rate: u64) -> Self {
        Self { rate, start: Instant::now(), sent: 0 }
    }

    /// Returns how long the next event must wait at the time `now`.
    pub(crate) fn wait(&mut self, now: Instant) -> Duration {
        // Whole seconds are subtracted from time to time, so that the product stays small.
        if self.sent >= self.rate {
            self.sent -= self.rate;
            self.start += Duration::from_secs(1);
        }
        let due = self.start + Duration::from_nanos(self.sent * 1_000_000_000 / self.rate);
        let late = now.saturating_duration_since(due);
        if late > DEBT {
            self.start += late - DEBT;
        }
        due.saturating_duration_since(now)
    }

    /// Counts an event as sent.
    pub(crate) const fn count(&mut self) {
        self.sent += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the number of events due at `now`.
    fn due(pace: &mut Pace, now: Instant) -> u64 {
        let mut count = 0;
        while pace.wait(now).is_zero() {
            pace.count();
            count += 1;
        }
        count
    }

    #[test]
    fn events_are_spread_evenly() {
        for rate in [1, 7, 1_000, 123_457] {
            let begin = Instant::now();
            let mut pace = Pace { rate, start: begin, sent: 0 };
            let mut sent = 0;
            for tenth in 1..=50 {
                let now = begin + Duration::from_millis(100 * tenth);
                sent += due(&mut pace, now);
                assert_eq!(sent, rate * tenth / 10 + 1, "{rate} a second after {tenth} tenths");
            }
        }
    }

    #[test]
    fn backlog_after_long_delay_is_not_sent_at_once() {
        let begin = Instant::now();
        let mut pace = Pace { rate: 1_000, start: begin, sent: 0 };
        let now = begin + Duration::from_secs(60);
        assert_eq!(due(&mut pace, now), 501);
    }
}
