//! The one place through which every write goes, calls and Kafka alike: a queue for each lane, whose task
//! applies one batch after the other. While one batch commits, the calls that arrive queue up and go together
//! in the next (group commit, without a timer).

mod apply;
mod metrics;
#[cfg(test)]
mod tests;

use crate::batch::{Batch, Outcome, Partition, Write};
use crate::repository::{self, Batches};
use model::Record;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use storage::Oldest;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How many writes may wait in a lane before the next caller waits for room.
const ROOM: u32 = 32_768;

/// How many calls at most share a transaction.
const MOST_CALLS: usize = 4096;

/// Why a write was not made.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The partition has another owner by now: read its stored position again.
    #[error("the position of partition {0} was moved by another instance")]
    Fenced(Partition),
    /// The transaction failed; nothing of the batch is stored.
    #[error(transparent)]
    Storage(Arc<repository::Error>),
    /// The service stops and takes no more writes.
    #[error("the service is stopping")]
    Stopped,
}

impl From<repository::Error> for Error {
    fn from(error: repository::Error) -> Self {
        match error {
            repository::Error::Fenced(partition) => Self::Fenced(partition),
            other => Self::Storage(Arc::new(other)),
        }
    }
}

/// Takes writes from any thread and runtime; its clones share the lanes.
#[derive(Clone, Debug)]
pub struct Writer {
    lanes: Arc<[Lane]>,
    tasks: TaskTracker,
}

#[derive(Debug)]
struct Lane {
    queue: mpsc::UnboundedSender<Queued>,
    room: Arc<Semaphore>,
    applied: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    batches: AtomicU64,
    writes: AtomicU64,
    oldest: Oldest,
}

/// How much a writer has committed since it was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The transactions.
    pub batches: u64,
    /// The writes in them.
    pub writes: u64,
}

#[derive(Debug)]
struct Queued {
    work: Work,
    room: OwnedSemaphorePermit,
    since: Instant,
}

#[derive(Debug)]
enum Work {
    Call(Write, oneshot::Sender<Result<Outcome, Error>>),
    Batch(Arc<Batch>, oneshot::Sender<Result<Vec<Outcome>, Error>>),
}

impl Writer {
    /// Starts a task for each of the store's lanes on the runtime that this is called on. Once `stop` is
    /// cancelled no more writes are taken; those that were, are applied and answered.
    #[must_use]
    pub fn start(batches: Arc<dyn Batches>, stop: &CancellationToken) -> Self {
        let tasks = TaskTracker::new();
        let lanes = (0..batches.lanes())
            .map(|lane| {
                let (queue, queued) = mpsc::unbounded_channel();
                let applied = Arc::new(Counts::default());
                let lane = Applying { lane, batches: Arc::clone(&batches), applied: Arc::clone(&applied) };
                tasks.spawn(lane.run(queued, stop.clone()));
                Lane { queue, room: Arc::new(Semaphore::new(ROOM as usize)), applied }
            })
            .collect();
        tasks.close();
        Self { lanes, tasks }
    }

    /// How many lanes there are.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// How many writes wait in `lane`, or are being applied.
    #[must_use]
    pub fn queued(&self, lane: usize) -> usize {
        ROOM as usize - self.lanes[lane].room.available_permits()
    }

    /// Checks that no write has waited too long in any lane.
    ///
    /// # Errors
    ///
    /// [`storage::Error::Stalled`] if one has.
    pub fn check(&self) -> Result<(), storage::Error> {
        self.lanes.iter().try_for_each(|lane| lane.applied.oldest.check())
    }

    /// How much all lanes have committed.
    #[must_use]
    pub fn applied(&self) -> Applied {
        self.lanes.iter().fold(Applied::default(), |sum, lane| Applied {
            batches: sum.batches + lane.applied.batches.load(Ordering::Relaxed),
            writes: sum.writes + lane.applied.writes.load(Ordering::Relaxed),
        })
    }

    /// Makes one write together with those of other callers, and returns once it is committed. A caller who
    /// goes away cancels nothing.
    pub async fn write(&self, write: Write) -> Result<Outcome, Error> {
        let lane = &self.lanes[self.lane_of(write.record())];
        let (answer, answered) = oneshot::channel();
        lane.queue(1, Work::Call(write, answer)).await?;
        answered.await.map_err(|_| Error::Stopped)?
    }

    /// Applies `batch` as one transaction of `lane`, and returns the outcome of each of its writes once it is
    /// committed. Waits while the lane has no room.
    pub async fn ingest(&self, lane: usize, batch: impl Into<Arc<Batch>>) -> Result<Vec<Outcome>, Error> {
        let batch = batch.into();
        let (answer, answered) = oneshot::channel();
        let room = u32::try_from(batch.writes.len()).unwrap_or(ROOM).clamp(1, ROOM);
        self.lanes[lane].queue(room, Work::Batch(batch, answer)).await?;
        answered.await.map_err(|_| Error::Stopped)?
    }

    /// Waits until every lane has ended, which they do after the stop.
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

impl Lane {
    async fn queue(&self, room: u32, work: Work) -> Result<(), Error> {
        let room = Arc::clone(&self.room).acquire_many_owned(room).await.map_err(|_| Error::Stopped)?;
        self.queue.send(Queued { work, room, since: Instant::now() }).map_err(|_| Error::Stopped)
    }
}

/// A lane's task.
struct Applying {
    lane: usize,
    batches: Arc<dyn Batches>,
    applied: Arc<Counts>,
}

impl Applying {
    async fn run(self, mut queue: mpsc::UnboundedReceiver<Queued>, stop: CancellationToken) {
        let mut waiting = VecDeque::new();
        loop {
            if waiting.is_empty() {
                tokio::select! {
                    biased;
                    received = queue.recv() => match received {
                        Some(first) => waiting.push_back(first),
                        None => return,
                    },
                    () = stop.cancelled(), if !queue.is_closed() => {
                        queue.close();
                        continue;
                    }
                }
            }
            // The callers who were answered just now get their turn first, so that their next writes join
            // this batch and don't have to wait for it; as long as every turn brings more.
            let mut before = 0;
            while before < waiting.len() && waiting.len() < MOST_CALLS {
                before = waiting.len();
                tokio::task::yield_now().await;
                while let Ok(more) = queue.try_recv() {
                    waiting.push_back(more);
                }
            }
            self.applied.oldest.set(waiting.front().map(|first| first.since));
            self.apply_next(&mut waiting).await;
            self.applied.oldest.set(None);
        }
    }

    /// Applies the first of `waiting`: a batch by itself, or a call with all calls behind it up to the next
    /// batch.
    async fn apply_next(&self, waiting: &mut VecDeque<Queued>) {
        let (mut writes, mut callers) = (Vec::new(), Vec::new());
        while writes.len() < MOST_CALLS
            && let Some(Queued { work, room, since }) = waiting.pop_front()
        {
            match work {
                Work::Call(write, answer) => {
                    writes.push(write);
                    callers.push((answer, room));
                }
                Work::Batch(batch, answer) if writes.is_empty() => {
                    let applied = self.apply(&batch).await;
                    drop((batch, room));
                    // A caller who went away wants no answer.
                    let _ = answer.send(applied);
                    return;
                }
                batch @ Work::Batch(..) => {
                    waiting.push_front(Queued { work: batch, room, since });
                    break;
                }
            }
        }
        if !writes.is_empty() {
            self.apply_calls(writes, callers).await;
        }
    }
}
