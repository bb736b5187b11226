//! Detection of a queue of writes that makes no progress.

use crate::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long the oldest write of a queue may wait before the queue counts as stalled: longer than a large batch takes.
const STALLED: Duration = Duration::from_secs(5);

/// The age of the oldest write of a queue: set by the queue's consumer, read by health checks.
#[derive(Debug)]
pub struct Oldest {
    epoch: Instant,
    /// Milliseconds since `epoch`, counted from 1; 0 if no write waits.
    since: AtomicU64,
}

impl Default for Oldest {
    fn default() -> Self {
        Self { epoch: Instant::now(), since: AtomicU64::new(0) }
    }
}

impl Oldest {
    /// Records since when the oldest write waits; `None` if there is none.
    pub fn set(&self, since: Option<Instant>) {
        let millis = since.map_or(0, |since| since.saturating_duration_since(self.epoch).as_millis() + 1);
        self.since.store(u64::try_from(millis).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Returns how long the oldest write has waited; zero if none waits.
    #[must_use]
    pub fn waited(&self) -> Duration {
        match self.since.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            since => self.epoch.elapsed().saturating_sub(Duration::from_millis(since - 1)),
        }
    }

    /// Checks that the oldest write has not waited for 5 s.
    ///
    /// # Errors
    ///
    /// [`Error::Stalled`] if it has.
    pub fn check(&self) -> Result<(), Error> {
        let waited = self.waited();
        if waited < STALLED { Ok(()) } else { Err(Error::Stalled(waited)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fault::{Fault, Kind};

    #[test]
    fn queue_is_stalled_while_its_oldest_write_waits_too_long() {
        let long_ago = Instant::now();
        let oldest = Oldest { epoch: long_ago - Duration::from_secs(60), ..Oldest::default() };
        assert!(oldest.check().is_ok());
        oldest.set(Some(long_ago));
        assert!(oldest.check().is_ok());
        oldest.set(Some(long_ago - Duration::from_secs(7)));
        assert!(oldest.waited() >= Duration::from_secs(7));
        let stalled = oldest.check().unwrap_err();
        assert_eq!(stalled.kind(), Kind::Unavailable);
        assert!(stalled.to_string().contains("for 7s"), "{stalled}");
        oldest.set(None);
        assert!(oldest.check().is_ok());
        assert_eq!(oldest.waited(), Duration::ZERO);
    }
}
