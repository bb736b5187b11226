//! The consumer on its thread: polls, gathers records into a chunk for each lane, hands the chunks on, and
//! pauses partitions whose lane is behind.

mod partitions;
mod stall;

use super::chunk::Chunk;
use super::config::Config;
use super::context::Context;
use super::health::{Health, Subject};
use super::lane::{Feedback, Turn};
use super::metrics::Metrics;
use crate::repository::Positions;
use partitions::Partitions;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

/// Defaults of ours that `--kafka-option` overrides.
const SETTINGS: [(&str, &str); 6] = [
    ("partition.assignment.strategy", "cooperative-sticky"),
    ("fetch.queue.backoff.ms", "10"),
    ("reconnect.backoff.max.ms", "2000"),
    ("topic.metadata.refresh.interval.ms", "30000"),
    ("allow.auto.create.topics", "false"),
    ("check.crcs", "true"),
];

/// What ingestion rests on; not to be overridden.
const FIXED: [(&str, &str); 5] = [
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "error"),
    ("isolation.level", "read_committed"),
    ("enable.partition.eof", "false"),
];

/// How long the thread sleeps in a poll at most, so that it hears its lanes and the stop.
const POLL: Duration = Duration::from_millis(50);

/// How long a lane may be behind before its partitions are paused; until then nothing is polled, because
/// pausing throws away what was fetched ahead.
const PATIENCE: Duration = Duration::from_secs(1);

const RETRY: Duration = Duration::from_secs(1);

/// How many chunks a lane is given at most: one that is applied, and one that is decoded meanwhile.
const HANDED_ON: usize = 2;

/// What a record that waits in librdkafka takes beside its value, in bytes: a structure of its own, its key, and what
/// allocating adds. librdkafka counts only the value.
const QUEUED: usize = 512;

/// What the consumer's thread works with.
pub(super) struct Consumer {
    pub(super) settings: ClientConfig,
    pub(super) config: Config,
    pub(super) positions: Arc<dyn Positions>,
    pub(super) runtime: Handle,
    pub(super) lanes: Vec<Gathering>,
    pub(super) feedback: Receiver<Feedback>,
    pub(super) health: Health,
    pub(super) metrics: Metrics,
    pub(super) cluster: Arc<OnceLock<String>>,
    pub(super) stop: CancellationToken,
}

/// A chunk as it grows, and the lane that it is for.
pub(super) struct Gathering {
    chunk: Chunk,
    since: Instant,
    lane: UnboundedSender<Turn>,
    room: Arc<Semaphore>,
    behind: Option<Instant>,
    paused: bool,
}

/// The consumer can't go on and must be made anew.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Broken(String);

impl Gathering {
    /// Begins an empty chunk for `lane`.
    pub(super) fn new(lane: UnboundedSender<Turn>) -> Self {
        let room = Arc::new(Semaphore::new(HANDED_ON));
        Self { chunk: Chunk::default(), since: Instant::now(), lane, room, behind: None, paused: false }
    }

    fn is_empty(&self) -> bool {
        self.chunk.is_empty()
    }

    /// The lane is no longer behind.
    fn catch_up(&mut self, number: usize, partitions: &Partitions<'_>) {
        self.behind = None;
        if std::mem::take(&mut self.paused) {
            partitions.resume(number);
        }
    }
}

/// The settings of a consumer, without its context.
pub(super) fn settings(brokers: &str, config: &Config) -> ClientConfig {
    let mut settings = ClientConfig::new();
    // A sixteenth of the memory is librdkafka's, which is enough to be ahead of the lanes. What it fetches at once it
    // counts only when it is unpacked, to some eight times of what was asked for, so it is asked to fetch little.
    let memory = config.ingest_memory.0 / 16;
    settings.set("queued.min.messages", (memory / QUEUED).clamp(1_000, 100_000).to_string());
    settings.set("queued.max.messages.kbytes", (memory / 1024).max(1024).to_string());
    settings.set("message.max.bytes", (memory / 8).clamp(64 << 10, 1_000_000).to_string());
    settings.set("fetch.max.bytes", (memory / 8).clamp(64 << 10, 50 << 20).to_string());
    settings.set("max.partition.fetch.bytes", (memory / 32).clamp(64 << 10, 1 << 20).to_string());
    settings.set("group.id", &config.group);
    settings.set("bootstrap.servers", brokers);
    for (key, value) in SETTINGS {
        settings.set(key, value);
    }
    for (key, value) in &config.options {
        settings.set(key, value);
    }
    for (key, value) in FIXED {
        settings.set(key, value);
    }
    settings
}

impl Consumer {
    /// Consumes until the stop; a consumer that breaks is replaced.
    pub(super) fn run(mut self) {
        while !self.stop.is_cancelled() {
            if let Err(error) = self.consume() {
                self.metrics.progress.clear();
                self.health.forget_partitions();
                self.health.trouble(Subject::Group, format!("the Kafka consumer failed: {error}"));
                self.sleep(RETRY);
            }
            for (number, gathering) in self.lanes.iter_mut().enumerate() {
                gathering.chunk = Chunk::default();
                gathering.behind = None;
                gathering.paused = false;
                self.metrics.progress.pause(number, false);
            }
        }
    }

    fn consume(&mut self) -> Result<(), Broken> {
        let broken = |error: KafkaError| Broken(error.to_string());
        let consumer: BaseConsumer<Context> =
            self.settings.create_with_context(Context::new(self.health.clone())).map_err(broken)?;
        let Some(cluster) = self.find_cluster(&consumer) else { return Ok(()) };
        self.forget_offsets();
        consumer.subscribe(&[&self.config.topic]).map_err(broken)?;
        let mut partitions = Partitions::new(&consumer, self, cluster);
        let result = self.poll_all(&consumer, &mut partitions);
        partitions.leave();
        result
    }

    /// Waits until the brokers say which cluster they are; `None` at the stop.
    fn find_cluster(&self, consumer: &BaseConsumer<Context>) -> Option<String> {
        while !self.stop.is_cancelled() {
            // The poll lets librdkafka say what is wrong.
            let _ = consumer.poll(Duration::ZERO);
            match consumer.client().fetch_cluster_id(Duration::from_secs(2)) {
                Some(cluster) => {
                    self.health.well(Subject::Brokers);
                    let known = self.cluster.get_or_init(|| cluster.clone());
                    if *known == cluster {
                        return Some(cluster);
                    }
                    let reason = format!(
                        "the brokers belong to cluster {cluster}, previously {known}: restart the service"
                    );
                    self.health.trouble(Subject::Brokers, reason);
                }
                None => {
                    let brokers = self.config.kafka.as_deref().unwrap_or_default();
                    let reason = format!("no Kafka broker can be reached at {brokers}: check --kafka");
                    self.health.trouble(Subject::Brokers, reason);
                }
            }
            self.sleep(RETRY);
        }
        None
    }

    fn forget_offsets(&mut self) {
        while self.config.forget_offsets && !self.stop.is_cancelled() {
            match self.runtime.block_on(self.positions.forget_positions(&self.config.topic)) {
                Ok(()) => self.config.forget_offsets = false,
                Err(error) => {
                    let reason = format!("the stored offsets can't be deleted: {}", service::chain(&error));
                    self.health.trouble(Subject::Storage(None), reason);
                    self.sleep(RETRY);
                }
            }
        }
    }

    fn poll_all(
        &mut self,
        consumer: &BaseConsumer<Context>,
        partitions: &mut Partitions<'_>,
    ) -> Result<(), Broken> {
        let mut checked = Instant::now();
        let mut drained = false;
        while !self.stop.is_cancelled() {
            while let Ok(feedback) = self.feedback.try_recv() {
                partitions.hear(feedback);
            }
            partitions.change(&mut self.lanes);
            partitions.take_up(&mut self.lanes);
            partitions.commit();
            partitions.ask_ends();
            partitions.reach(&mut self.lanes, drained);
            partitions.check_stalls(&self.lanes);
            let timeout = self.hand_on(partitions);
            if self.lanes.iter().any(|lane| lane.behind.is_some() && !lane.paused) {
                if let Ok(feedback) = self.feedback.recv_timeout(Duration::from_millis(10)) {
                    partitions.hear(feedback);
                }
                continue;
            }
            drained = self.poll(consumer, partitions, timeout)?;
            if checked.elapsed() > RETRY {
                checked = Instant::now();
                self.look_again(consumer);
            }
        }
        Ok(())
    }

    /// Asks the brokers whether what was amiss still is; librdkafka tells of troubles, not of their end.
    fn look_again(&self, consumer: &BaseConsumer<Context>) {
        if !self.health.is_troubled(Subject::Brokers) && !self.health.is_troubled(Subject::Topic) {
            return;
        }
        let Ok(metadata) = consumer.fetch_metadata(Some(&self.config.topic), RETRY) else { return };
        self.health.well(Subject::Brokers);
        if metadata.topics().iter().all(|topic| topic.error().is_none() && !topic.partitions().is_empty()) {
            self.health.well(Subject::Topic);
        }
    }

    /// Hands on the chunks that are full or old enough; returns how long the next poll may take.
    fn hand_on(&mut self, partitions: &Partitions<'_>) -> Duration {
        let mut timeout = POLL;
        let most = self.config.ingest_memory.0 / 4 * 3 / ((1 + HANDED_ON) * self.lanes.len()).max(1);
        for (number, gathering) in self.lanes.iter_mut().enumerate() {
            if gathering.is_empty() {
                // What it held may have been revoked.
                gathering.catch_up(number, partitions);
                continue;
            }
            let age = gathering.since.elapsed();
            let full =
                gathering.chunk.records.len() >= self.config.batch_events || gathering.chunk.weight() >= most;
            if !full && age < self.config.batch_delay {
                timeout = timeout.min(self.config.batch_delay - age);
                continue;
            }
            if let Ok(room) = Arc::clone(&gathering.room).try_acquire_owned() {
                let another = gathering.chunk.another();
                let turn = Turn { chunk: std::mem::replace(&mut gathering.chunk, another), room };
                let ended = gathering.lane.send(turn).is_err();
                gathering.catch_up(number, partitions);
                if ended && !self.stop.is_cancelled() {
                    let reason = format!("lane {number} has ended: restart the service");
                    self.health.trouble(Subject::Storage(Some(number)), reason);
                }
            } else if full {
                let behind = *gathering.behind.get_or_insert_with(Instant::now);
                if behind.elapsed() > PATIENCE && !gathering.paused {
                    gathering.paused = true;
                    partitions.pause(number);
                }
            } else {
                // There is no hurry: it may grow meanwhile.
                timeout = timeout.min(Duration::from_millis(10));
            }
        }
        timeout
    }

    /// Takes what is there, up to a limit; returns whether that was all.
    fn poll(
        &mut self,
        consumer: &BaseConsumer<Context>,
        partitions: &mut Partitions<'_>,
        timeout: Duration,
    ) -> Result<bool, Broken> {
        let mut timeout = timeout;
        for _ in 0..1024 {
            match consumer.poll(timeout) {
                None => return Ok(true),
                Some(Ok(message)) => self.gather(&message, partitions),
                Some(Err(error)) => self.fail(&error, partitions)?,
            }
            timeout = Duration::ZERO;
        }
        Ok(false)
    }

    fn gather(&mut self, message: &BorrowedMessage<'_>, partitions: &mut Partitions<'_>) {
        let Some((lane, epoch)) = partitions.accept(message) else { return };
        let gathering = &mut self.lanes[lane];
        if gathering.is_empty() {
            gathering.since = Instant::now();
        }
        gathering.chunk.push(message, epoch);
    }

    fn fail(&self, error: &KafkaError, partitions: &mut Partitions<'_>) -> Result<(), Broken> {
        partitions.note_error(error);
        match error {
            KafkaError::MessageConsumptionFatal(_) => return Err(Broken(error.to_string())),
            KafkaError::MessageConsumption(
                RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange,
            ) => partitions.check_offsets_soon(),
            KafkaError::MessageConsumption(
                code @ (RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed),
            ) => {
                self.health.trouble(Subject::Topic, self.unreadable(*code));
                // Nothing is taken from a topic that is back until it is known again.
                partitions.check_offsets();
            }
            // librdkafka tries again by itself; a partition that it does not get over is reported as stalled.
            other => tracing::debug!(error = %other, "poll"),
        }
        Ok(())
    }

    fn unreadable(&self, code: RDKafkaErrorCode) -> String {
        let Config { topic, group, .. } = &self.config;
        match code {
            RDKafkaErrorCode::TopicAuthorizationFailed => {
                format!("not authorized to read topic {topic}: grant the service Read and Describe on it")
            }
            RDKafkaErrorCode::GroupAuthorizationFailed => {
                format!("not authorized to join group {group}: grant the service Read on it")
            }
            _ => format!("topic {topic} does not exist: create it, or select another with --kafka-topic"),
        }
    }

    fn sleep(&self, time: Duration) {
        let stopped = self.stop.cancelled();
        let _ = self.runtime.block_on(async { tokio::time::timeout(time, stopped).await });
    }
}
