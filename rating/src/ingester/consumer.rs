//! The consumer thread: polls, fills a chunk for each lane, sends the chunks, and pauses the partitions of lanes
//! that are behind.

mod chunk_builder;
mod partitions;
mod resources;
mod settings;
mod stall;

pub(super) use chunk_builder::ChunkBuilder;
pub(super) use resources::Resources;
pub(super) use settings::settings;

use super::chunk::Chunk;
use super::config::Config;
use super::context::Context;
use super::health::Subject;
use super::lane::{ChunkWithPermit, Feedback};
use super::traced::Tracing;
use chunk_builder::CHUNKS_PER_LANE;
use partitions::Partitions;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// The longest poll, so that the thread notices feedback and the stop.
const POLL: Duration = Duration::from_millis(50);

/// How long a lane may be behind before its partitions are paused. Until then the consumer does not poll at all,
/// because a pause discards the records that were fetched ahead.
const PATIENCE: Duration = Duration::from_secs(1);

/// The delay before a failed operation is retried.
const RETRY: Duration = Duration::from_secs(1);

/// The consumer and what its thread works with.
pub(super) struct Consumer {
    pub(super) settings: ClientConfig,
    pub(super) resources: Resources,
    pub(super) lanes: Vec<ChunkBuilder>,
    pub(super) feedback: Receiver<Feedback>,
    pub(super) tracing: Tracing,
    /// The cluster's id, once it is known.
    pub(super) cluster: Arc<OnceLock<String>>,
    pub(super) stop: CancellationToken,
}

/// The consumer failed and must be replaced.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Broken(String);

impl Consumer {
    /// Consumes until the stop. Replaces a consumer that fails.
    pub(super) fn run(mut self) {
        while !self.stop.is_cancelled() {
            if let Err(error) = self.consume() {
                self.resources.metrics.progress.clear();
                self.resources.health.remove_partitions();
                self.resources.health.report(Subject::Group, format!("the Kafka consumer failed: {error}"));
                self.sleep(RETRY);
            }
            for (number, lane) in self.lanes.iter_mut().enumerate() {
                lane.chunk = Chunk::default();
                lane.behind = None;
                lane.paused = false;
                self.resources.metrics.progress.pause(number, false);
            }
        }
    }

    fn consume(&mut self) -> Result<(), Broken> {
        let broken = |error: KafkaError| Broken(error.to_string());
        let consumer: BaseConsumer<Context> =
            self.settings.create_with_context(Context::new(self.resources.health.clone())).map_err(broken)?;
        let Some(cluster) = self.find_cluster(&consumer) else { return Ok(()) };
        self.forget_offsets();
        consumer.subscribe(&[&self.resources.config.topic]).map_err(broken)?;
        let mut partitions = Partitions::new(&consumer, &self.resources, cluster, self.lanes.len());
        let result = self.poll_all(&consumer, &mut partitions);
        partitions.leave();
        result
    }

    /// Waits until the brokers return the id of their cluster; `None` at the stop.
    fn find_cluster(&self, consumer: &BaseConsumer<Context>) -> Option<String> {
        while !self.stop.is_cancelled() {
            // The poll lets librdkafka report errors.
            let _ = consumer.poll(Duration::ZERO);
            match consumer.client().fetch_cluster_id(Duration::from_secs(2)) {
                Some(cluster) => {
                    self.resources.health.resolve(Subject::Brokers);
                    let known = self.cluster.get_or_init(|| cluster.clone());
                    if *known == cluster {
                        return Some(cluster);
                    }
                    let reason = format!(
                        "the brokers belong to cluster {cluster}, previously {known}: restart the service"
                    );
                    self.resources.health.report(Subject::Brokers, reason);
                }
                None => {
                    let brokers = self.resources.config.kafka.as_deref().unwrap_or_default();
                    let reason = format!("no Kafka broker can be reached at {brokers}: check --kafka");
                    self.resources.health.report(Subject::Brokers, reason);
                }
            }
            self.sleep(RETRY);
        }
        None
    }

    fn forget_offsets(&mut self) {
        while self.resources.config.forget_offsets && !self.stop.is_cancelled() {
            match self
                .resources
                .runtime
                .block_on(self.resources.positions.forget_positions(&self.resources.config.topic))
            {
                Ok(()) => self.resources.config.forget_offsets = false,
                Err(error) => {
                    let reason = format!("the stored offsets can't be deleted: {}", service::chain(&error));
                    self.resources.health.report(Subject::Storage(None), reason);
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
                partitions.handle(feedback);
            }
            partitions.follow_rebalances(&mut self.lanes);
            partitions.start_pending(&mut self.lanes);
            partitions.commit_to_kafka();
            partitions.read_ends();
            partitions.read_positions(&mut self.lanes, drained);
            partitions.check_stalls(&self.lanes);
            let timeout = self.send_chunks(partitions);
            if self.lanes.iter().any(|lane| lane.behind.is_some() && !lane.paused) {
                if let Ok(feedback) = self.feedback.recv_timeout(Duration::from_millis(10)) {
                    partitions.handle(feedback);
                }
                continue;
            }
            drained = self.poll(consumer, partitions, timeout)?;
            if checked.elapsed() > RETRY {
                checked = Instant::now();
                self.recheck(consumer);
            }
        }
        Ok(())
    }

    /// Asks the brokers whether a reported trouble persists: librdkafka reports errors, but not that they are over.
    fn recheck(&self, consumer: &BaseConsumer<Context>) {
        if !self.resources.health.has_trouble(Subject::Brokers)
            && !self.resources.health.has_trouble(Subject::Topic)
        {
            return;
        }
        let Ok(metadata) = consumer.fetch_metadata(Some(&self.resources.config.topic), RETRY) else { return };
        self.resources.health.resolve(Subject::Brokers);
        if metadata.topics().iter().all(|topic| topic.error().is_none() && !topic.partitions().is_empty()) {
            self.resources.health.resolve(Subject::Topic);
        }
    }

    /// Sends the chunks that are full or old enough to their lanes. Returns how long the next poll may take.
    fn send_chunks(&mut self, partitions: &Partitions<'_>) -> Duration {
        let mut timeout = POLL;
        let most =
            self.resources.config.ingest_memory.0 / 4 * 3 / ((1 + CHUNKS_PER_LANE) * self.lanes.len()).max(1);
        for (number, lane) in self.lanes.iter_mut().enumerate() {
            if lane.is_empty() {
                // Its records may have been revoked.
                caught_up(lane, number, partitions);
                continue;
            }
            let age = lane.since.elapsed();
            let full =
                lane.chunk.records.len() >= self.resources.config.batch_events || lane.chunk.weight() >= most;
            if !full && age < self.resources.config.batch_delay {
                timeout = timeout.min(self.resources.config.batch_delay - age);
                continue;
            }
            if let Ok(permit) = Arc::clone(&lane.permits).try_acquire_owned() {
                let empty = lane.chunk.empty_of_same_size();
                let chunk = std::mem::replace(&mut lane.chunk, empty);
                let ended = lane.lane.send(ChunkWithPermit { chunk, permit }).is_err();
                caught_up(lane, number, partitions);
                if ended && !self.stop.is_cancelled() {
                    let reason = format!("lane {number} has ended: restart the service");
                    self.resources.health.report(Subject::Storage(Some(number)), reason);
                }
            } else if full {
                let behind = *lane.behind.get_or_insert_with(Instant::now);
                if behind.elapsed() > PATIENCE && !lane.paused {
                    lane.paused = true;
                    partitions.pause(number);
                }
            } else {
                // Not urgent: the chunk may grow meanwhile.
                timeout = timeout.min(Duration::from_millis(10));
            }
        }
        timeout
    }

    /// Adds the available records to the chunks, up to a limit. Returns whether no more were available.
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
                Some(Ok(message)) => self.add(&message, partitions),
                Some(Err(error)) => self.fail(&error, partitions)?,
            }
            timeout = Duration::ZERO;
        }
        Ok(false)
    }

    fn add(&mut self, message: &BorrowedMessage<'_>, partitions: &mut Partitions<'_>) {
        let Some((lane, epoch)) = partitions.accept(message) else { return };
        let lane = &mut self.lanes[lane];
        lane.touch();
        lane.chunk.push(message, epoch, &self.tracing);
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
                self.resources.health.report(Subject::Topic, self.unreadable(*code));
                // The topic may be another one once it is back, so every partition is checked first.
                partitions.check_offsets();
            }
            // librdkafka retries by itself; if it does not succeed, the partition is reported as stalled.
            other => tracing::debug!(error = %other, "poll"),
        }
        Ok(())
    }

    fn unreadable(&self, code: RDKafkaErrorCode) -> String {
        let Config { topic, group, .. } = &self.resources.config;
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
        let _ = self.resources.runtime.block_on(async { tokio::time::timeout(time, stopped).await });
    }
}

/// Resumes the partitions of a lane that was behind.
fn caught_up(lane: &mut ChunkBuilder, number: usize, partitions: &Partitions<'_>) {
    lane.behind = None;
    if std::mem::take(&mut lane.paused) {
        partitions.resume(number);
    }
}
