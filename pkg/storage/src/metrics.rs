//! The metrics that services with a database share: connection pools and batches of writes.

use crate::Oldest;
use meter::Sampler;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use sqlx::{Database, Pool};
use std::fmt;
use std::time::Duration;

/// The upper bounds of the buckets of batches, in writes and in seconds.
const WRITES: [f64; 11] = [1.0, 2.0, 5.0, 10.0, 50.0, 100.0, 500.0, 1e3, 5e3, 1e4, 5e4];
const SECONDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// The connections of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolStatistics {
    idle: u64,
    used: u64,
    max: u64,
}

impl<DB: Database> From<&Pool<DB>> for PoolStatistics {
    fn from(pool: &Pool<DB>) -> Self {
        let (size, idle) = (u64::from(pool.size()), pool.num_idle() as u64);
        // The two are read one after the other.
        Self { idle, used: size.saturating_sub(idle), max: pool.options().get_max_connections().into() }
    }
}

/// Encodes the metrics of connection pools, which are labelled with their names.
///
/// # Errors
///
/// Those of the encoder.
pub fn sample_pools<const N: usize>(
    to: &mut Sampler<'_>,
    pools: [(&'static str, PoolStatistics); N],
) -> fmt::Result {
    let states = pools.iter().flat_map(|(name, pool)| {
        let row = |state, connections| ([("pool", *name), ("state", state)], connections);
        [row("idle", pool.idle), row("used", pool.used)]
    });
    to.gauges("db_pool_connections", "Open connections", states)?;
    let limits = pools.iter().map(|(name, pool)| ([("pool", *name)], pool.max));
    to.gauges("db_pool_max_connections", "The limit of open connections", limits)
}

/// The committed batches of a writer; clones share them.
#[derive(Clone, Debug)]
pub struct BatchMetrics {
    writes: Histogram,
    durations: Histogram,
}

impl Default for BatchMetrics {
    fn default() -> Self {
        Self { writes: Histogram::new(WRITES), durations: Histogram::new(SECONDS) }
    }
}

impl BatchMetrics {
    /// Registers the metrics with `registry`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("write_batch_writes", "Writes per committed batch", self.writes.clone());
        let help =
            "Time of a batch that was committed, with its retries, from its first statement to its commit";
        registry.register("write_batch_duration_seconds", help, self.durations.clone());
    }

    /// Counts a batch that was committed after `took`.
    pub fn committed(&self, writes: usize, took: Duration) {
        self.writes.observe(writes as f64);
        self.durations.observe(took.as_secs_f64());
    }
}

/// Encodes the metrics of a writer's lanes: the number of pending writes of each, and since when its oldest waits.
///
/// # Errors
///
/// Those of the encoder.
pub fn sample_lanes<'a>(
    to: &mut Sampler<'_>,
    lanes: impl Iterator<Item = (usize, &'a Oldest)> + Clone,
) -> fmt::Result {
    let pending = lanes.clone().enumerate().map(|(lane, (pending, _))| ([("lane", lane)], pending));
    to.gauges("write_queue_writes", "Writes that are queued or being applied", pending)?;
    let waited =
        lanes.enumerate().map(|(lane, (_, oldest))| ([("lane", lane)], oldest.waited().as_secs_f64()));
    let help = "How long the oldest write of the batch being applied has been waiting, 0 if none is";
    to.gauges("write_oldest_seconds", help, waited)
}
