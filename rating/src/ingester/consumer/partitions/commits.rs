//! Kafka's own commit, by which its tools show the lag; nothing else rests on it.

use super::super::RETRY;
use super::Partitions;
use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use std::time::Instant;

impl Partitions<'_> {
    /// Tells Kafka how far the partitions are applied, now and then.
    pub(in crate::ingester::consumer) fn commit(&mut self) {
        if !self.commits.is_empty() && self.committed.elapsed() >= RETRY {
            self.commit_now();
        }
    }

    pub(super) fn commit_now(&mut self) {
        self.committed = Instant::now();
        let mut list = TopicPartitionList::new();
        for (partition, next) in std::mem::take(&mut self.commits) {
            // An offset that can't be represented can't have been read either.
            let _ = list.add_partition_offset(&self.topic, partition, Offset::Offset(next));
        }
        if let Err(error) = self.consumer.commit(&list, CommitMode::Async) {
            tracing::debug!(%error, "the lag can't be shown in Kafka");
        }
    }
}
