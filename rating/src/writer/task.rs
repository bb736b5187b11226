//! The task of a lane: applies one batch after the other. A batch that the database rolled back because of other
//! transactions is retried. If the database rejects a value, the calls of the batch are applied in parts, so that
//! one call does not fail the others.

use super::error::Error;
use super::queue::{Counts, Queued, Work};
use crate::batch::{Batch, Outcome, Write};
use crate::repository::{self, Batches};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use storage::BatchMetrics;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use trace::{Span, SpanKind};

/// The name of the span of a batch, below which each of its transactions has one.
const WRITE_BATCH: &str = "write batch";

/// How many calls may share a transaction.
const CALLS_PER_BATCH: usize = 4096;

/// How many times a batch is retried after a conflict.
const RETRIES: u32 = 6;

/// The time after the first attempt for which a batch is retried: PostgreSQL looks for a deadlock after one second
/// by default.
const RETRY_FOR: Duration = Duration::from_secs(5);

/// The upper bound of the pause before the first retry; it doubles with each.
const PAUSE: Duration = Duration::from_millis(10);

/// The result channel of a caller, and the room that its write takes in the queue.
type Caller = (oneshot::Sender<Result<Outcome, Error>>, OwnedSemaphorePermit);

/// A lane's task.
pub(super) struct Task {
    pub(super) lane: usize,
    pub(super) batches: Arc<dyn Batches>,
    pub(super) counts: Arc<Counts>,
    pub(super) metrics: BatchMetrics,
}

impl Task {
    /// Applies what is queued, until `stop` is cancelled and the queue is empty.
    pub(super) async fn run(self, mut queue: mpsc::UnboundedReceiver<Queued>, stop: CancellationToken) {
        let mut pending = VecDeque::new();
        loop {
            if pending.is_empty() {
                tokio::select! {
                    biased;
                    received = queue.recv() => match received {
                        Some(first) => pending.push_back(first),
                        None => return,
                    },
                    () = stop.cancelled(), if !queue.is_closed() => {
                        queue.close();
                        continue;
                    }
                }
            }
            // Callers whose writes were just committed run first, so that their next writes join this batch instead
            // of waiting for it. Repeated while each yield brings more.
            let mut before = 0;
            while before < pending.len() && pending.len() < CALLS_PER_BATCH {
                before = pending.len();
                tokio::task::yield_now().await;
                while let Ok(more) = queue.try_recv() {
                    pending.push_back(more);
                }
            }
            self.counts.oldest.set(pending.front().map(|first| first.since));
            self.apply_next(&mut pending).await;
            self.counts.oldest.set(None);
        }
    }

    /// Applies the first of `pending`: a batch alone, or a call together with all calls up to the next batch.
    async fn apply_next(&self, pending: &mut VecDeque<Queued>) {
        let (mut writes, mut callers) = (Vec::new(), Vec::new());
        let mut span = Span::none();
        while writes.len() < CALLS_PER_BATCH
            && let Some(Queued { work, room, since, wait }) = pending.pop_front()
        {
            match work {
                Work::Call(write, caller) => {
                    wait.join(&mut span, WRITE_BATCH);
                    writes.push(write);
                    callers.push((caller, room));
                }
                Work::Batch(batch, caller) if writes.is_empty() => {
                    wait.join(&mut span, WRITE_BATCH);
                    span.set("marquee.batch.size", size(batch.writes.len()));
                    let applied = span.run(self.apply(&batch)).await;
                    drop((batch, room, span));
                    // The caller may have hung up.
                    let _ = caller.send(applied);
                    return;
                }
                batch @ Work::Batch(..) => {
                    pending.push_front(Queued { work: batch, room, since, wait });
                    break;
                }
            }
        }
        if !writes.is_empty() {
            span.set("marquee.batch.size", size(writes.len()));
            span.run(self.apply_calls(writes, callers)).await;
        }
    }

    /// Applies the writes of `callers` in one transaction and sends each its outcome. If the database rejects a value,
    /// applies each half separately, down to the rejected write.
    async fn apply_calls(&self, writes: Vec<Write>, callers: Vec<Caller>) {
        let mut parts = vec![(writes, callers)];
        while let Some((writes, mut callers)) = parts.pop() {
            let batch = Batch::of(writes);
            match self.apply(&batch).await {
                Ok(outcomes) => respond(callers, outcomes.into_iter().map(Ok)),
                Err(Error::Storage(error)) if error.is_rejection() && callers.len() > 1 => {
                    let (mut writes, half) = (batch.writes, callers.len() / 2);
                    let later = (writes.split_off(half), callers.split_off(half));
                    parts.extend([later, (writes, callers)]);
                }
                Err(error) => respond(callers, std::iter::repeat(Err(error))),
            }
        }
    }

    /// Applies `batch`; retries after a conflict.
    async fn apply(&self, batch: &Batch) -> Result<Vec<Outcome>, Error> {
        let (started, mut retries) = (Instant::now(), 0);
        loop {
            match self.attempt(batch, retries).await {
                Ok(outcomes) => {
                    self.counts.batches.fetch_add(1, Ordering::Relaxed);
                    self.counts.writes.fetch_add(outcomes.len() as u64, Ordering::Relaxed);
                    self.metrics.committed(outcomes.len(), started.elapsed());
                    return Ok(outcomes);
                }
                Err(error) if error.is_conflict() && retries < RETRIES && started.elapsed() < RETRY_FOR => {
                    tokio::time::sleep(PAUSE.mul_f64(rand::random()) * 2_u32.pow(retries)).await;
                    retries += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Applies `batch` once, in one transaction.
    async fn attempt(&self, batch: &Batch, retries: u32) -> Result<Vec<Outcome>, repository::Error> {
        let span = trace::span("transaction", SpanKind::Internal);
        span.set("marquee.attempt", i64::from(retries) + 1);
        span.set("marquee.batch.size", size(batch.writes.len()));
        let applied = span.run(self.batches.apply(self.lane, batch)).await;
        applied.inspect_err(|error| span.fail(error.to_string()))
    }
}

fn size(writes: usize) -> i64 {
    i64::try_from(writes).unwrap_or(i64::MAX)
}

/// Releases the room of all writes and sends each caller its outcome.
fn respond(callers: Vec<Caller>, outcomes: impl Iterator<Item = Result<Outcome, Error>>) {
    let callers: Vec<_> = callers.into_iter().map(|(caller, _room)| caller).collect();
    for (caller, outcome) in callers.into_iter().zip(outcomes) {
        // The caller may have hung up.
        let _ = caller.send(outcome);
    }
}
