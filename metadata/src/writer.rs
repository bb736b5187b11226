//! The queue through which every write goes. While one transaction commits, the writes that arrive wait here and
//! share the next one (group commit, without a timer).
//!
//! Transactions run in a task of this module, never in a caller's future: a caller that hangs up cancels nothing, and
//! the store's caches are invalidated in either case. A write that still waits when its caller hangs up is applied too,
//! as in rating.

mod metrics;

use crate::batch::{Outcome, Put, Write};
use crate::repository::Repository;
use fault::{Fault, Kind};
use model::{MAX_BATCH, Metadata, RecordId};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use storage::{BatchMetrics, Error, Oldest};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use trace::{Span, SpanKind, Wait};

/// The number of writes that may wait before the next caller waits for room.
const ROOM: usize = 256;

/// The number of attempts at a transaction that conflicts with those of other instances.
const ATTEMPTS: usize = 5;

/// How long closing waits for the transaction in progress.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The sending half of the queue.
#[derive(Debug)]
pub struct Writer {
    sender: mpsc::Sender<Queued>,
    progress: Arc<Progress>,
    stop: CancellationToken,
    task: TaskTracker,
}

/// What the task has done and is doing.
#[derive(Debug, Default)]
struct Progress {
    oldest: Oldest,
    /// The number of writes that are being applied.
    applying: AtomicUsize,
    batches: BatchMetrics,
}

#[derive(Debug)]
struct Queued {
    write: Write,
    since: Instant,
    reply: Reply,
    /// Of the caller's request, if it is sampled.
    wait: Wait,
}

type Reply = oneshot::Sender<Result<Outcome, Error>>;

impl Writer {
    /// Spawns the task that writes to `repository`, on the current runtime.
    #[must_use]
    pub fn start(repository: Arc<dyn Repository>) -> Self {
        let (sender, receiver) = mpsc::channel(ROOM);
        let (stop, task) = (CancellationToken::new(), TaskTracker::new());
        let progress = Arc::<Progress>::default();
        let writes = WriteTask { repository, progress: Arc::clone(&progress) };
        task.spawn(writes.run(receiver, stop.clone()));
        task.close();
        Self { sender, progress, stop, task }
    }

    /// Stores all of `batch`, whose ids are distinct, or nothing. Returns one entry per record, in their order, once
    /// they are committed.
    pub async fn batch_put(&self, batch: Vec<Metadata>) -> Result<Vec<Put>, Error> {
        match self.write(Write::Put(batch)).await? {
            Outcome::Put(puts) => Ok(puts),
            Outcome::Deleted(_) => Err(Error::row("metadata", "a put has the outcome of a delete")),
        }
    }

    /// Deletes the record `id`; returns whether there was one, once the deletion is committed.
    pub async fn delete(&self, id: RecordId) -> Result<bool, Error> {
        Ok(self.write(Write::Delete(id)).await? == Outcome::Deleted(true))
    }

    async fn write(&self, write: Write) -> Result<Outcome, Error> {
        let (reply, outcome) = oneshot::channel();
        let queued = Queued { write, since: Instant::now(), reply, wait: Wait::begin("writer queue") };
        self.sender.send(queued).await.map_err(|_| Error::Closed)?;
        outcome.await.map_err(|_| Error::Closed)?
    }

    /// Checks that no write has waited too long.
    ///
    /// # Errors
    ///
    /// [`Error::Stalled`] if one has.
    pub fn check(&self) -> Result<(), Error> {
        self.progress.oldest.check()
    }

    /// Takes no more writes, and waits up to a second for those that were taken.
    pub async fn close(&self) {
        self.stop.cancel();
        let _ = timeout(CLOSE_TIMEOUT, self.task.wait()).await;
    }
}

struct WriteTask {
    repository: Arc<dyn Repository>,
    progress: Arc<Progress>,
}

impl WriteTask {
    async fn run(self, mut queue: mpsc::Receiver<Queued>, stop: CancellationToken) {
        loop {
            let first = tokio::select! {
                biased;
                received = queue.recv() => match received {
                    Some(first) => first,
                    None => return,
                },
                () = stop.cancelled(), if !queue.is_closed() => {
                    queue.close();
                    continue;
                }
            };
            // Lets the callers of the last transaction run first, so that their next writes join this one.
            tokio::task::yield_now().await;
            self.progress.oldest.set(Some(first.since));
            let (writes, replies, span) = gather(first, &mut queue);
            self.progress.applying.store(writes.len(), Ordering::Relaxed);
            span.run(self.apply(writes, replies)).await;
            self.progress.applying.store(0, Ordering::Relaxed);
            self.progress.oldest.set(None);
        }
    }

    /// Applies all writes in one transaction. If the store rejects it, each write gets a transaction of its own, so
    /// that only the one at fault fails.
    async fn apply(&self, writes: Vec<Write>, replies: Vec<Reply>) {
        match self.commit(&writes).await {
            Ok(outcomes) => {
                for (reply, outcome) in replies.into_iter().zip(outcomes) {
                    // The caller may have hung up.
                    let _ = reply.send(Ok(outcome));
                }
            }
            Err(error) if writes.len() > 1 && error.kind() == Kind::Internal => {
                for (reply, write) in replies.into_iter().zip(&writes) {
                    let outcomes = self.commit(std::slice::from_ref(write)).await;
                    let _ = reply.send(outcomes.and_then(first));
                }
            }
            Err(error) => {
                let error = Arc::new(error);
                for reply in replies {
                    let _ = reply.send(Err(Error::Shared(Arc::clone(&error))));
                }
            }
        }
    }

    async fn commit(&self, writes: &[Write]) -> Result<Vec<Outcome>, Error> {
        let (began, mut attempts) = (Instant::now(), 1);
        loop {
            match self.attempt(writes, attempts).await {
                Err(error) if error.is_conflict() && attempts < ATTEMPTS => attempts += 1,
                outcomes => {
                    if outcomes.is_ok() {
                        self.progress.batches.committed(writes.len(), began.elapsed());
                    }
                    return outcomes;
                }
            }
        }
    }

    /// Applies `writes` once, in one transaction.
    async fn attempt(&self, writes: &[Write], number: usize) -> Result<Vec<Outcome>, Error> {
        let span = trace::span("transaction", SpanKind::Internal);
        span.set("marquee.attempt", size(number));
        span.set("marquee.batch.size", size(writes.len()));
        let applied = span.run(self.repository.apply(writes)).await;
        applied.inspect_err(|error| span.fail(error.to_string()))
    }
}

/// Takes the waiting writes, starting with `first`. Returns them with the span of their batch.
fn gather(first: Queued, queue: &mut mpsc::Receiver<Queued>) -> (Vec<Write>, Vec<Reply>, Span) {
    let (mut writes, mut replies, mut records) = (Vec::new(), Vec::new(), 0);
    let mut span = Span::none();
    let mut next = Some(first);
    while let Some(Queued { write, reply, wait, .. }) = next {
        wait.join(&mut span, "write batch");
        records += write.ids().count();
        writes.push(write);
        replies.push(reply);
        next = if records < MAX_BATCH { queue.try_recv().ok() } else { None };
    }
    span.set("marquee.batch.size", size(writes.len()));
    (writes, replies, span)
}

fn size(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn first(outcomes: Vec<Outcome>) -> Result<Outcome, Error> {
    outcomes.into_iter().next().ok_or_else(|| Error::row("metadata", "a write has no outcome"))
}
