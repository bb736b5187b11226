//! Reports partitions that make no progress, for any reason, until they make progress again.

use super::super::chunk_builder::ChunkBuilder;
use super::super::stall::{Observation, QUIET};
use super::Partitions;
use super::brokers::is_connection;
use crate::ingester::health::Subject;
use crate::ingester::progress::Trouble;
use rdkafka::error::KafkaError;
use std::time::{Duration, Instant};

/// The interval of checks.
const EVERY: Duration = Duration::from_secs(1);

impl Partitions<'_> {
    /// Records an error that a poll returned. It may concern any partition.
    pub(in crate::ingester::consumer) fn note_error(&mut self, error: &KafkaError) {
        self.errors.note(Instant::now(), error.to_string());
        if !is_connection(error) {
            for reading in self.reading.values_mut() {
                reading.suspect = true;
            }
        }
    }

    /// Reports the partitions that have made no progress for `--ingest-stall-timeout`, or for a shorter time while
    /// errors are returned repeatedly.
    pub(in crate::ingester::consumer) fn check_stalls(&mut self, lanes: &[ChunkBuilder]) {
        if self.stalls_at.elapsed() < EVERY {
            return;
        }
        let now = Instant::now();
        self.stalls_at = now;
        let repeated = self.errors.repeated(now);
        for (&partition, stall) in &mut self.stalls {
            let lane = usize::try_from(partition).unwrap_or(0) % self.lanes;
            // A pending partition makes no progress.
            let (applied, read) = self
                .reading
                .get(&partition)
                .map_or((stall.applied, stall.read), |reading| (reading.applied, reading.next));
            let seen = Observation {
                applied,
                read,
                end: self.ends.get(&partition).copied(),
                chunks: self.finished_chunks[lane],
                paused: lanes[lane].behind.is_some(),
            };
            let idle = now - stall.observe(now, seen);
            let error = repeated.filter(|_| idle >= QUIET);
            let stalled = error.is_some() || idle >= self.resources.config.ingest_stall_timeout;
            if stalled {
                let reason = reason(seen, error);
                let trouble = Some((Trouble::Stalled, reason.clone()));
                self.resources.metrics.progress.trouble(partition, trouble);
                let reason = format!(
                    "partition {partition} of topic {} makes no progress: {reason}",
                    self.resources.config.topic
                );
                self.resources.health.report(Subject::Partition(partition), reason);
            } else if stall.reported {
                self.resources.metrics.progress.trouble(partition, None);
                self.resources.health.resolve(Subject::Partition(partition));
            }
            stall.reported = stalled;
        }
    }
}

fn reason(seen: Observation, error: Option<&str>) -> String {
    let Observation { applied, read, end, .. } = seen;
    let mut reason = match end {
        Some(end) if read >= end => {
            format!("it is read up to offset {read}, but applied only up to {applied}")
        }
        Some(end) => format!("it is read up to offset {read} and applied up to {applied}, but ends at {end}"),
        None => {
            format!("it is applied up to offset {applied}, and its leader does not report its end offset")
        }
    };
    if let Some(error) = error {
        reason.push_str("; errors are returned repeatedly: ");
        reason.push_str(error);
    }
    reason
}
