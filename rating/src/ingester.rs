//! Ratings from Kafka. A thread of its own polls the consumer and gathers records into chunks, one task a
//! lane decodes a chunk and has it applied together with its offsets, so that each event has its effect once.
//!
//! What decides where reading goes on is the position in the database. Kafka's own commit is only there so
//! that its tools can show the lag.

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
mod place;
mod progress;
mod status;

pub use bytes::Bytes;
pub use config::{Config, OnLostOffset};
pub use delivery::Delivery;
pub use metrics::{Counts, Metrics};
pub use progress::{PartitionProgress, Snapshot, Trouble};
pub use status::Status;

use crate::repository::Positions;
use crate::writer::Writer;
use consumer::{Consumer, Gathering};
use context::Quiet;
use dead_letters::DeadLetters;
use health::Health;
use lane::Lane;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaError;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Why ingestion can't begin.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting that librdkafka doesn't know, or a value that it doesn't take.
    #[error("--kafka-option: {0}")]
    Option(#[source] KafkaError),
    /// The system gives no thread.
    #[error("can't start the consumer thread: {0}")]
    Thread(#[source] std::io::Error),
}

/// Ingestion as it runs.
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

/// Begins to ingest on the runtime that this is called on, until `stop`; `None` where no brokers are named.
/// Brokers that can't be reached are no error: they are waited for, and [`Handle::ready`] says so.
pub fn start(
    config: &Config,
    writer: &Writer,
    positions: Arc<dyn Positions>,
    metrics: &Metrics,
    stop: &CancellationToken,
) -> Result<Option<Handle>, Error> {
    let Some(brokers) = &config.kafka else { return Ok(None) };
    let health = Health::default();
    let dead_letters = DeadLetters::open(brokers, config, health.clone()).map_err(Error::Option)?;
    let (feedback, heard) = std::sync::mpsc::channel();
    let tasks = TaskTracker::new();
    let cluster = Arc::new(OnceLock::new());
    let lanes = (0..writer.lanes())
        .map(|number| {
            let (turns, received) = mpsc::unbounded_channel();
            let lane = Lane {
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
            Gathering::new(turns)
        })
        .collect();
    tasks.close();
    let consumer = Consumer {
        settings: consumer::settings(brokers, config),
        config: config.clone(),
        positions,
        runtime: tokio::runtime::Handle::current(),
        lanes,
        feedback: heard,
        health: health.clone(),
        metrics: metrics.clone(),
        cluster,
        stop: stop.clone(),
    };
    consumer.settings.create_with_context::<_, BaseConsumer<_>>(Quiet).map_err(Error::Option)?;
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
    /// Says what keeps events from being applied, if anything does.
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

    /// Waits until the consumer has left its group and no batch is being applied; only after the stop.
    pub async fn join(&self) {
        self.lanes.wait().await;
        self.ended.cancelled().await;
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The thread's panic, if that is how it ended, has been reported on the way.
        let _ = tokio::task::spawn_blocking(move || thread.map(JoinHandle::join)).await;
    }
}
