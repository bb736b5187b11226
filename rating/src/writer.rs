//! The writer, through which all writes go: API calls and Kafka events. Each lane has a queue and a task that
//! applies one batch after the other. Calls that arrive while a batch commits are queued and share the next batch
//! (group commit without a timer).
//!
//! A commit belongs to the task, not to its caller: a caller that hangs up only drops its result.

mod error;
mod metrics;
mod queue;
mod task;
#[cfg(test)]
mod tests;

pub use error::Error;

use crate::batch::{Batch, Outcome, Write};
use crate::repository::Batches;
use model::Record;
use queue::{CAPACITY, Queue, Work};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use storage::BatchMetrics;
use task::Task;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Accepts writes from any thread and runtime. Clones share the lanes.
#[derive(Clone, Debug)]
pub struct Writer {
    lanes: Arc<[Queue]>,
    tasks: TaskTracker,
    batch_metrics: BatchMetrics,
}

/// What a writer has committed since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The number of transactions.
    pub batches: u64,
    /// The number of writes in them.
    pub writes: u64,
}

impl Writer {
    /// Starts a task for each of the store's lanes on the current runtime. After `stop`, no more writes are
    /// accepted; the queued ones are applied.
    #[must_use]
    pub fn start(batches: Arc<dyn Batches>, stop: &CancellationToken) -> Self {
        let (tasks, batch_metrics) = (TaskTracker::new(), BatchMetrics::default());
        let lanes = (0..batches.lanes())
            .map(|lane| {
                let (queue, queued) = Queue::new();
                let task = Task {
                    lane,
                    batches: Arc::clone(&batches),
                    counts: Arc::clone(&queue.counts),
                    metrics: batch_metrics.clone(),
                };
                tasks.spawn(task.run(queued, stop.clone()));
                queue
            })
            .collect();
        tasks.close();
        Self { lanes, tasks, batch_metrics }
    }

    /// Returns the number of lanes.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// Returns the number of writes that are queued in `lane` or being applied.
    #[must_use]
    pub fn queued(&self, lane: usize) -> usize {
        self.lanes[lane].len()
    }

    /// Checks that no write has been pending for too long.
    ///
    /// # Errors
    ///
    /// [`storage::Error::Stalled`] if one has.
    pub fn check(&self) -> Result<(), storage::Error> {
        self.lanes.iter().try_for_each(|lane| lane.counts.oldest.check())
    }

    /// Returns what all lanes have committed.
    #[must_use]
    pub fn applied(&self) -> Applied {
        self.lanes.iter().fold(Applied::default(), |sum, lane| Applied {
            batches: sum.batches + lane.counts.batches.load(Ordering::Relaxed),
            writes: sum.writes + lane.counts.writes.load(Ordering::Relaxed),
        })
    }

    /// Makes one write, in a transaction shared with other callers, and returns once it is committed.
    pub async fn write(&self, write: Write) -> Result<Outcome, Error> {
        let lane = &self.lanes[self.lane_of(write.record())];
        let (caller, result) = oneshot::channel();
        lane.push(1, Work::Call(write, caller)).await?;
        result.await.map_err(|_| Error::Stopped)?
    }

    /// Applies `batch` as one transaction of `lane`, and returns the outcome of each write once it is committed.
    /// Waits while the queue is full.
    pub async fn ingest(&self, lane: usize, batch: impl Into<Arc<Batch>>) -> Result<Vec<Outcome>, Error> {
        let batch = batch.into();
        let (caller, result) = oneshot::channel();
        let room = u32::try_from(batch.writes.len()).unwrap_or(CAPACITY).clamp(1, CAPACITY);
        self.lanes[lane].push(room, Work::Batch(batch, caller)).await?;
        result.await.map_err(|_| Error::Stopped)?
    }

    /// Waits until all tasks have ended, which they do after the stop.
    pub async fn ended(&self) {
        self.tasks.wait().await;
    }

    fn lane_of(&self, record: &Record) -> usize {
        let mut hasher = DefaultHasher::new();
        record.hash(&mut hasher);
        let lanes = self.lanes.len() as u64;
        usize::try_from(hasher.finish() % lanes).unwrap_or(0)
    }
}
