//! A limit for log lines that may come with each event.

use std::time::{Duration, Instant};

/// Limits the log lines per second.
pub(super) struct LogRateLimit {
    limit: u32,
    allowed: u32,
    suppressed: u64,
    since: Instant,
}

impl LogRateLimit {
    /// Allows `limit` lines per second.
    pub(super) fn new(limit: u32) -> Self {
        Self { limit, allowed: 0, suppressed: 0, since: Instant::now() }
    }

    /// Returns whether a line may be logged: then the number of lines suppressed since the last one.
    pub(super) fn acquire(&mut self) -> Option<u64> {
        if self.since.elapsed() >= Duration::from_secs(1) {
            self.allowed = 0;
            self.since = Instant::now();
        }
        if self.allowed == self.limit {
            self.suppressed += 1;
            return None;
        }
        self.allowed += 1;
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_limit_are_suppressed_and_counted() {
        let mut log = LogRateLimit::new(2);
        assert_eq!(
            [log.acquire(), log.acquire(), log.acquire(), log.acquire()],
            [Some(0), Some(0), None, None]
        );
        log.since -= Duration::from_secs(2);
        assert_eq!([log.acquire(), log.acquire()], [Some(2), Some(0)]);
    }
}
