//! A consumer group's lag in its topic, according to Kafka.

use anyhow::Context;
use ratingingester::config::Cluster;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(10);

/// Reads one group's progress in one topic without joining it. Its calls block.
pub(crate) struct Lag {
    consumer: BaseConsumer,
    topic: String,
    partitions: Vec<i32>,
}

impl Lag {
    /// Fetches the topic's partitions.
    pub(crate) fn open(cluster: &Cluster, topic: &str, group: &str) -> anyhow::Result<Self> {
        let consumer: BaseConsumer = cluster.client(&[]).set("group.id", group).create()?;
        let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT).context("no broker responds")?;
        let topics = metadata.topics().iter().filter(|found| found.name() == topic);
        let partitions: Vec<i32> =
            topics.flat_map(|found| found.partitions()).map(|partition| partition.id()).collect();
        anyhow::ensure!(!partitions.is_empty(), "topic {topic} has no partitions");
        Ok(Self { consumer, topic: topic.to_owned(), partitions })
    }

    /// Returns the number of records that the group has not committed, summed over the partitions.
    pub(crate) fn behind(&self) -> anyhow::Result<u64> {
        let mut asked = TopicPartitionList::new();
        for &partition in &self.partitions {
            asked.add_partition(&self.topic, partition);
        }
        let committed = self.consumer.committed_offsets(asked, TIMEOUT).context("no committed offsets")?;
        let mut behind = 0;
        for &partition in &self.partitions {
            let (low, high) = self.consumer.fetch_watermarks(&self.topic, partition, TIMEOUT)?;
            let committed = match committed.find_partition(&self.topic, partition).map(|found| found.offset())
            {
                Some(Offset::Offset(next)) => next.max(low),
                _ => low,
            };
            behind += u64::try_from(high - committed).unwrap_or_default();
        }
        Ok(behind)
    }
}
