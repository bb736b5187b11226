//! Commits to Kafka. They only show the lag in Kafka's tools.

use super::Partitions;
use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};

/// The interval between commits.
const EVERY: Duration = Duration::from_secs(1);

impl Partitions<'_> {
    /// Commits the applied offsets to Kafka, if it is time.
    pub(in crate::ingester::consumer) fn commit_to_kafka(&mut self) {
        if !self.commits.is_empty() && self.committed_at.elapsed() >= EVERY {
            self.commit_now();
        }
    }

    pub(super) fn commit_now(&mut self) {
        self.committed_at = Instant::now();
        let mut list = TopicPartitionList::new();
        for (partition, next) in std::mem::take(&mut self.commits) {
            // An offset that was read can be represented.
            let _ = list.add_partition_offset(self.topic(), partition, Offset::Offset(next));
        }
        if let Err(error) = self.consumer.commit(&list, CommitMode::Async) {
            tracing::debug!(%error, "the commit to Kafka failed");
        }
    }
}
