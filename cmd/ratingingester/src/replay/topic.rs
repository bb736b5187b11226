//! The dead-letter topic, read once from its beginning, or from a group's offsets, to its end.

use crate::config::Cluster;
use crate::error::Error;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

/// The time limit for a response of the brokers.
const ANSWER: Duration = Duration::from_secs(10);
/// The maximum time without a record before the end.
const PATIENCE: Duration = Duration::from_secs(60);

const SETTINGS: [(&str, &str); 5] = [
    ("enable.auto.commit", "false"),
    ("enable.partition.eof", "true"),
    ("auto.offset.reset", "earliest"),
    ("fetch.queue.backoff.ms", "10"),
    ("check.crcs", "true"),
];

/// The topic at one moment.
pub(super) struct Topic {
    consumer: BaseConsumer,
    name: String,
    grouped: bool,
    /// The offsets to read of each partition.
    spans: BTreeMap<i32, Range<i64>>,
}

impl Topic {
    /// Determines what to read: everything, or what follows the committed offsets of `group`.
    pub(super) fn open(cluster: &Cluster, name: &str, group: Option<&str>) -> Result<Self, Error> {
        let mut config = cluster.client(&SETTINGS);
        // librdkafka requires a group name; nothing is committed under this one.
        config.set("group.id", group.unwrap_or("ratingingester"));
        let consumer: BaseConsumer = config.create().map_err(|e| failed(name, &e))?;
        let metadata = consumer
            .fetch_metadata(Some(name), ANSWER)
            .map_err(|_| Error::Stopped(format!("no Kafka broker at {} can be reached", cluster.brokers)))?;
        let found = metadata.topics().first();
        if let Some(code) = found.and_then(|topic| topic.error()) {
            let code = RDKafkaErrorCode::from(code);
            return Err(Error::Stopped(format!("topic {name} at {} can't be read: {code}", cluster.brokers)));
        }
        let partitions: Vec<i32> =
            found.into_iter().flat_map(|topic| topic.partitions()).map(|found| found.id()).collect();
        let mut topic =
            Self { consumer, name: name.to_owned(), grouped: group.is_some(), spans: BTreeMap::new() };
        topic.look(&partitions).map_err(|e| failed(name, &e))?;
        Ok(topic)
    }

    fn look(&mut self, partitions: &[i32]) -> Result<(), KafkaError> {
        let mut asked = TopicPartitionList::new();
        for &partition in partitions {
            asked.add_partition(&self.name, partition);
        }
        let committed = if self.grouped { self.consumer.committed_offsets(asked, ANSWER)? } else { asked };
        for &partition in partitions {
            let (low, high) = self.consumer.fetch_watermarks(&self.name, partition, ANSWER)?;
            let start = match committed.find_partition(&self.name, partition).map(|found| found.offset()) {
                // An offset beyond the end belongs to a topic that was deleted.
                Some(Offset::Offset(next)) if next <= high => next.max(low),
                _ => low,
            };
            self.spans.insert(partition, start..high);
        }
        Ok(())
    }

    /// Reads to the end determined at the beginning, and calls `each` with every letter.
    pub(super) fn read(
        &self,
        mut each: impl FnMut(&BorrowedMessage<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut open: BTreeMap<i32, i64> = BTreeMap::new();
        let mut assigned = TopicPartitionList::new();
        for (&partition, span) in self.spans.iter().filter(|(_, span)| !span.is_empty()) {
            let offset = Offset::Offset(span.start);
            assigned
                .add_partition_offset(&self.name, partition, offset)
                .map_err(|e| failed(&self.name, &e))?;
            open.insert(partition, span.end);
        }
        self.consumer.assign(&assigned).map_err(|e| failed(&self.name, &e))?;
        let mut moved = Instant::now();
        while !open.is_empty() {
            let read = self.consumer.poll(Duration::from_millis(100));
            if read.is_some() {
                moved = Instant::now();
            }
            match read {
                Some(Ok(message)) => {
                    let (partition, offset) = (message.partition(), message.offset());
                    let Some(&end) = open.get(&partition) else { continue };
                    if offset < end {
                        each(&message)?;
                    }
                    if offset + 1 >= end {
                        open.remove(&partition);
                    }
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => drop(open.remove(&partition)),
                Some(Err(error)) if is_passing(&error) => {}
                Some(Err(error)) => return Err(failed(&self.name, &error)),
                None if moved.elapsed() > PATIENCE => {
                    let reason = format!("no records for {} s", PATIENCE.as_secs());
                    return Err(Error::Stopped(format!("topic {} can't be read: {reason}", self.name)));
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Commits the end as the group's offsets, if there is a group.
    pub(super) fn commit(&self) -> Result<(), Error> {
        if !self.grouped || self.spans.is_empty() {
            return Ok(());
        }
        let mut ends = TopicPartitionList::new();
        for (&partition, span) in &self.spans {
            let end = Offset::Offset(span.end);
            ends.add_partition_offset(&self.name, partition, end).map_err(|e| failed(&self.name, &e))?;
        }
        self.consumer.commit(&ends, CommitMode::Sync).map_err(|e| {
            Error::Stopped(format!("the letters were replayed, but their offsets can't be committed: {e}"))
        })
    }
}

/// Errors that librdkafka recovers from by itself.
fn is_passing(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{AllBrokersDown, BrokerTransportFailure, OperationTimedOut, Resolve};
    matches!(
        error.rdkafka_error_code(),
        Some(AllBrokersDown | BrokerTransportFailure | OperationTimedOut | Resolve)
    )
}

fn failed(topic: &str, error: &KafkaError) -> Error {
    Error::Stopped(format!("topic {topic} can't be read: {error}"))
}
