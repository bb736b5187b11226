//! Exponential back-off with jitter, so that many clients of the same peer do not retry in step.

use std::time::Duration;

/// Pauses that double up to a limit, each shortened by up to a half at random.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    limit: Duration,
    next: Duration,
}

impl Backoff {
    /// Creates pauses from about `first` to about `limit`.
    pub(crate) fn new(first: Duration, limit: Duration) -> Self {
        Self { first, limit, next: first }
    }

    /// Returns the next pause.
    pub(crate) fn pause(&mut self) -> Duration {
        let longest = self.next.min(self.limit);
        self.next = longest * 2;
        longest.mul_f64(rand::random_range(0.5..=1.0))
    }

    /// Restarts with the first pause, after a success.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_limit_and_restart() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        for longest in [100, 200, 400, 800, 1000, 1000] {
            let pause = backoff.pause();
            assert!(pause <= Duration::from_millis(longest), "{pause:?}");
            assert!(pause >= Duration::from_millis(longest / 2), "{pause:?}");
        }
        backoff.reset();
        assert!(backoff.pause() <= Duration::from_millis(100));
    }
}
