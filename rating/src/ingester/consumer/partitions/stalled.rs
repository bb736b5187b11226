//! Which partitions make no progress, whatever the reason: each is reported once and until it makes progress again.

use super::super::stall::{Observation, QUIET};
use super::super::{Gathering, RETRY};
use super::Partitions;
use super::brokers::is_connection;
use crate::ingester::health::Subject;
use crate::ingester::progress::Trouble;
use rdkafka::error::KafkaError;
use std::time::Instant;

impl Partitions<'_> {
    /// Notes an error that a poll returned, of whichever partition.
    pub(in crate::ingester::consumer) fn note_error(&mut self, error: &KafkaError) {
        self.errors.note(Instant::now(), error.to_string());
        if !is_connection(error) {
            for held in self.held.values_mut() {
                held.suspect = true;
            }
        }
    }

    /// Reports the partitions that have made no progress for `--ingest-stall-timeout`, or for a shorter time while
    /// errors are returned repeatedly.
    pub(in crate::ingester::consumer) fn check_stalls(&mut self, lanes: &[Gathering]) {
        if self.observed.elapsed() < RETRY {
            return;
        }
        let now = Instant::now();
        self.observed = now;
        let repeated = self.errors.repeated(now);
        for (&partition, stall) in &mut self.stalls {
            let lane = usize::try_from(partition).unwrap_or(0) % self.lanes;
            // A partition that is sought again makes no progress meanwhile.
            let (applied, read) = self
                .held
                .get(&partition)
                .map_or((stall.applied, stall.read), |held| (held.applied, held.next));
            let seen = Observation {
                applied,
                read,
                end: self.ends.get(&partition).copied(),
                chunks: self.chunks[lane],
                paused: lanes[lane].behind.is_some(),
            };
            let idle = now - stall.observe(now, seen);
            let error = repeated.filter(|_| idle >= QUIET);
            let stalled = error.is_some() || idle >= self.stall_timeout;
            if stalled {
                let reason = reason(seen, error);
                let trouble = Some((Trouble::Stalled, reason.clone()));
                self.metrics.progress.trouble(partition, trouble);
                let reason =
                    format!("partition {partition} of topic {} makes no progress: {reason}", self.topic);
                self.health.trouble(Subject::Partition(partition), reason);
            } else if stall.reported {
                self.metrics.progress.trouble(partition, None);
                self.health.well(Subject::Partition(partition));
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
