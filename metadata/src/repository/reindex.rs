//! Indexing stored titles again after the rules of words have changed: what both databases share. Each batch is a
//! transaction that also stores how far it got, so that a restart continues after the last batch.

use std::time::Duration;
use tokio::time::Instant;

/// The number of titles in a transaction.
pub(super) const BATCH: i64 = 500;

const LOG_INTERVAL: Duration = Duration::from_secs(5);

/// The progress of indexing, in the log.
pub(super) struct Progress {
    total: i64,
    indexed: usize,
    started: Instant,
    logged: Instant,
}

impl Progress {
    /// Starts to index at most `total` titles.
    pub(super) fn start(total: i64) -> Self {
        if total > 0 {
            tracing::info!(total, "indexing stored titles for search");
        }
        Self { total, indexed: 0, started: Instant::now(), logged: Instant::now() }
    }

    /// Counts a batch.
    pub(super) fn add(&mut self, indexed: usize) {
        self.indexed += indexed;
        if self.logged.elapsed() >= LOG_INTERVAL {
            self.logged = Instant::now();
            tracing::info!(indexed = self.indexed, total = self.total, "indexing stored titles for search");
        }
    }

    /// Logs what was done.
    pub(super) fn end(self) {
        if self.indexed > 0 {
            let seconds = self.started.elapsed().as_secs_f64();
            tracing::info!(indexed = self.indexed, seconds, "indexed stored titles for search");
        }
    }
}
