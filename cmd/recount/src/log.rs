//! A topic, read from its beginning to its current end.

use crate::event;
use crate::tally::Tally;
use anyhow::{Context, bail, ensure};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

const ANSWER: Duration = Duration::from_secs(10);

/// How long to wait for a record before giving up.
const PATIENCE: Duration = Duration::from_secs(60);

/// The result of a topic's events.
#[derive(Debug, Default)]
pub struct Log {
    /// The cluster's id.
    pub cluster: String,
    /// The topic's name.
    pub topic: String,
    /// The offset after the last record of each partition.
    pub ends: BTreeMap<i32, i64>,
    /// The end of each partition: after its last record if a transaction marker is last.
    pub highs: BTreeMap<i32, i64>,
    /// The number of records.
    pub records: u64,
    /// Partition and offset of each record that can't be applied, and why.
    pub rejected: BTreeMap<(i32, i64), &'static str>,
    /// The result of the others.
    pub tally: Tally,
}

impl Log {
    /// Returns a one-line summary.
    #[must_use]
    pub fn summary(&self) -> String {
        let Self { topic, records, rejected, ends, .. } = self;
        let (ends, rejected) = (ends.len(), rejected.len());
        format!("topic {topic}: {records} records in {ends} partitions, {rejected} of them rejected")
    }
}

/// Reads topics of one cluster.
#[derive(Debug)]
pub struct Reader(ClientConfig);

impl Reader {
    /// Creates a reader of `brokers`.
    #[must_use]
    pub fn new(brokers: &str, options: &[(String, String)]) -> Self {
        let mut settings = ClientConfig::new();
        settings.set("bootstrap.servers", brokers);
        settings.set("fetch.queue.backoff.ms", "10").set("check.crcs", "true");
        for (key, value) in options {
            settings.set(key, value);
        }
        settings.set("group.id", "recount").set("enable.auto.commit", "false");
        settings.set("enable.partition.eof", "true").set("auto.offset.reset", "error");
        Self(settings)
    }

    /// Reads a topic of events.
    ///
    /// # Errors
    ///
    /// If the brokers do not respond, or the topic is missing or incomplete.
    pub fn read(&self, topic: &str) -> anyhow::Result<Log> {
        let mut log = Log { topic: topic.to_owned(), ..Log::default() };
        (log.cluster, log.highs) = self.each(topic, |message| {
            log.records += 1;
            let (partition, offset) = (message.partition(), message.offset());
            log.ends.insert(partition, offset + 1);
            let is_protobuf = header(message, "content-type").is_some_and(event::is_protobuf);
            let arrived = message.timestamp().to_millis().unwrap_or(-1);
            match event::read(message.payload(), is_protobuf, arrived) {
                Ok(event) => log.tally.apply(partition, event),
                Err(reason) => drop(log.rejected.insert((partition, offset), reason)),
            }
        })?;
        Ok(log)
    }

    /// Reads which records of `topic` are in its dead-letter topic; none if that topic does not exist.
    ///
    /// # Errors
    ///
    /// If the brokers do not respond.
    pub fn dead_letters(&self, topic: &str) -> anyhow::Result<BTreeSet<(i32, i64)>> {
        let mut letters = BTreeSet::new();
        let name = format!("{topic}.dlq");
        let consumer: BaseConsumer = self.0.create()?;
        if partitions(&consumer, &name)?.is_empty() {
            return Ok(letters);
        }
        self.each(&name, |message| {
            let number = |name| std::str::from_utf8(header(message, name)?).ok()?.parse::<i64>().ok();
            let partition = number("partition").and_then(|partition| i32::try_from(partition).ok());
            if header(message, "topic") == Some(topic.as_bytes()) {
                letters.extend(partition.zip(number("offset")));
            }
        })?;
        Ok(letters)
    }

    /// Calls `take` with each record of a topic; returns the cluster's id and the partitions' ends.
    fn each(
        &self,
        topic: &str,
        mut take: impl FnMut(&BorrowedMessage<'_>),
    ) -> anyhow::Result<(String, BTreeMap<i32, i64>)> {
        let consumer: BaseConsumer = self.0.create()?;
        let cluster = consumer.client().fetch_cluster_id(ANSWER).context("no Kafka broker can be reached")?;
        let partitions = partitions(&consumer, topic)?;
        ensure!(!partitions.is_empty(), "topic {topic} does not exist");
        let (mut ends, mut assigned) = (BTreeMap::new(), TopicPartitionList::new());
        for partition in partitions {
            let (low, high) = consumer.fetch_watermarks(topic, partition, ANSWER)?;
            ensure!(
                low == 0,
                "partition {partition} of {topic} begins at {low}: earlier records are missing"
            );
            if high > 0 {
                ends.insert(partition, high);
                assigned.add_partition_offset(topic, partition, Offset::Beginning)?;
            }
        }
        let highs = ends.clone();
        consumer.assign(&assigned)?;
        let mut heard = Instant::now();
        while !ends.is_empty() {
            match consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    heard = Instant::now();
                    let partition = message.partition();
                    let Some(&end) = ends.get(&partition) else { continue };
                    if message.offset() < end {
                        take(&message);
                    }
                    if message.offset() + 1 >= end {
                        ends.remove(&partition);
                    }
                }
                // The end is reached without a record if a transaction marker is last.
                Some(Err(KafkaError::PartitionEOF(partition))) => drop(ends.remove(&partition)),
                Some(Err(KafkaError::MessageConsumption(
                    RDKafkaErrorCode::AllBrokersDown | RDKafkaErrorCode::BrokerTransportFailure,
                ))) => {}
                Some(Err(error)) => bail!("topic {topic} can't be read: {error}"),
                None => {}
            }
            ensure!(
                heard.elapsed() < PATIENCE,
                "topic {topic} can't be read to its end: {ends:?} were not reached"
            );
        }
        Ok((cluster, highs))
    }
}

fn partitions(consumer: &BaseConsumer, topic: &str) -> anyhow::Result<Vec<i32>> {
    let metadata = consumer.fetch_metadata(Some(topic), ANSWER)?;
    let found = metadata.topics().iter().filter(|found| found.error().is_none());
    Ok(found.flat_map(|found| found.partitions().iter().map(|partition| partition.id())).collect())
}

fn header<'a>(message: &'a BorrowedMessage<'_>, name: &str) -> Option<&'a [u8]> {
    let found = message.headers()?.iter().find(|header| header.key.eq_ignore_ascii_case(name));
    found?.value
}
