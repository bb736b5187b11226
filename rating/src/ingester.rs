//! Ingestion of ratings from Kafka. A thread polls the consumer and collects records into chunks. A task for each
//! lane decodes them and applies them together with their offsets in one transaction, so that each event takes
//! effect exactly once.
//!
//! The position in the database determines where reading continues. Commits to Kafka only show the lag in its tools.

mod bytes;
mod chunk;
mod config;
mod consumer;
mod context;
mod dead_letters;
mod decode;
mod delivery;
mod health;
mod lane;
mod metrics;
mod options;
mod progress;
mod start_offset;
mod status;
mod traced;

pub use bytes::Bytes;
pub use config::{Config, OnLostOffset};
pub use delivery::Delivery;
pub use metrics::{Counts, Metrics};
pub use progress::{PartitionProgress, Snapshot, Trouble};
pub use status::Status;

use crate::repository::Positions;
use crate::writer::Writer;
use consumer::{ChunkBuilder, Consumer, Resources};
use context::LogOnlyContext;
use dead_letters::DeadLetters;
use health::Health;
use lane::LaneTask;
use meter::Sampler;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaError;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use trace::Tracer;
use traced::Tracing;

/// Why ingestion cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting that librdkafka does not have, or a value that it rejects.
    #[error("--kafka-option: {0}")]
    Option(#[source] KafkaError),
    /// The thread could not be started.
    #[error("can't start the consumer thread: {0}")]
    Thread(#[source] std::io::Error),
}

/// A running ingestion.
#[derive(Debug)]
pub struct Handle {
    config: Config,
    metrics: Metrics,
    writer: Writer,
    health: Health,
    thread: Mutex<Option<JoinHandle<()>>>,
    ended: CancellationToken,
    lanes: TaskTracker,
}

/// Starts ingestion on the current runtime, until `stop`; `None` if no brokers are configured. Unreachable brokers
/// are not an error: [`Handle::ready`] reports them, and the consumer retries.
///
/// # Errors
///
/// If an option is invalid or the thread cannot be started.
pub fn start(
    config: &Config,
    writer: &Writer,
    positions: Arc<dyn Positions>,
    metrics: &Metrics,
    tracer: &Tracer,
    stop: &CancellationToken,
) -> Result<Option<Handle>, Error> {
    let Some(brokers) = &config.kafka else { return Ok(None) };
    let health = Health::default();
    metrics.progress.set_topic(&config.topic);
    let dead_letters = DeadLetters::open(brokers, config, health.clone()).map_err(Error::Option)?;
    let (feedback, received) = std::sync::mpsc::channel();
    let tasks = TaskTracker::new();
    let cluster = Arc::new(OnceLock::new());
    let lanes = (0..writer.lanes())
        .map(|number| {
            let (chunks, received) = mpsc::unbounded_channel();
            let lane = LaneTask {
                number,
                topic: config.topic.clone(),
                delivery: config.delivery,
                writer: writer.clone(),
                dead_letters: dead_letters.clone(),
                feedback: feedback.clone(),
                health: health.clone(),
                metrics: metrics.clone(),
                stop: stop.clone(),
                cluster: Arc::clone(&cluster),
            };
            tasks.spawn(lane.run(received));
            ChunkBuilder::new(chunks)
        })
        .collect();
    tasks.close();
    let consumer = Consumer {
        settings: consumer::settings(brokers, config),
        resources: Resources {
            config: config.clone(),
            positions,
            runtime: tokio::runtime::Handle::current(),
            health: health.clone(),
            metrics: metrics.clone(),
        },
        lanes,
        feedback: received,
        tracing: Tracing::new(tracer.clone(), &config.topic, &config.group),
        cluster,
        stop: stop.clone(),
    };
    consumer.settings.create_with_context::<_, BaseConsumer<_>>(LogOnlyContext).map_err(Error::Option)?;
    tokio::spawn(dead_letters.keep_topic(stop.clone()));
    let ended = CancellationToken::new();
    let guard = ended.clone().drop_guard();
    let thread = std::thread::Builder::new()
        .name("ingester".to_owned())
        .spawn(move || {
            let _ended = guard;
            consumer.run();
        })
        .map_err(Error::Thread)?;
    Ok(Some(Handle {
        config: config.clone(),
        metrics: metrics.clone(),
        writer: writer.clone(),
        health,
        thread: Mutex::new(Some(thread)),
        ended,
        lanes: tasks,
    }))
}

impl Handle {
    /// Encodes the gauge `ingest_blocked`.
    ///
    /// # Errors
    ///
    /// That of the encoder.
    pub fn sample(&self, to: &mut Sampler<'_>) -> fmt::Result {
        let help = "1 if anything prevents events from being applied";
        to.gauge("ingest_blocked", help, u64::from(self.ready().is_err()))
    }

    /// Returns an error with the reason if events are prevented from being applied.
    pub fn ready(&self) -> Result<(), String> {
        if self.ended.is_cancelled() {
            return Err("the Kafka consumer has ended".to_owned());
        }
        self.health.check()
    }

    /// Returns the current state.
    #[must_use]
    pub fn status(&self) -> Status {
        let Config { topic, group, delivery, .. } = &self.config;
        Status {
            trouble: self.ready().err(),
            topic: topic.clone(),
            group: group.clone(),
            delivery: *delivery,
            counts: self.metrics.counts(),
            writer_queue: (0..self.writer.lanes()).map(|lane| self.writer.queued(lane)).collect(),
            progress: self.metrics.progress.snapshot(),
        }
    }

    /// Waits until the consumer has left its group and no batch is being applied. Call it after the stop.
    pub async fn join(&self) {
        self.lanes.wait().await;
        self.ended.cancelled().await;
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A panic of the thread has been logged already.
        let _ = tokio::task::spawn_blocking(move || thread.map(JoinHandle::join)).await;
    }
}
