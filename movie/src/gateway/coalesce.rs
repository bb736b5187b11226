//! Merges single reads of one service into batch calls.
//!
//! A read is enqueued; a dispatch task sends all pending reads as one batch. Reads that arrive while a batch is in
//! flight wait and leave together in the next one. `batch.rs` holds the readers of a batch, `isolation.rs` decides what
//! happens after a batch failed, `backend.rs` implements the gateway traits, `traced.rs` has the spans.
//!
//! # Invariants
//!
//! - **Freshness.** A read never joins a call that has already started. Its result is therefore as new as that of a
//!   call of its own.
//! - **No timer delays a read.** The dispatch task yields to the runtime once, so that the worker can enqueue the
//!   requests that it has already received, and then sends. A lone read waits for that one yield only.
//! - **One dispatch task.** `Pending::has_dispatcher` is set by the read that spawns the task and cleared when the task
//!   finds no reads, both under the lock of `pending`. No read stays without a dispatch task, and there are never two.
//! - **A slow call holds up others for `patience` at most.** After that the next batch leaves beside it.
//! - **A caller affects no other caller.** Each batch is a task of its own: a caller that hangs up cancels only its wait.
//!   A call gets the latest deadline of its readers, and each reader applies its own. Reads whose callers hung up before
//!   the call starts are dropped.
//! - **Limits.** A call has at most [`MAX_BATCH`](model::MAX_BATCH) ids, each once. If more are pending, several batches
//!   leave at the same time.
//! - **Each reader gets one result.** Rows are matched by id, in any order; an id without a row is `None`. A response
//!   with a row that was not requested, or that comes twice, is not used at all. If the task of a batch panics, or the
//!   runtime stops, the reply channels close and the readers get an error.
//! - **A failure of one id affects no other id**, as far as the retry budget allows: a batch for which the service failed
//!   is split and requested again. If the service is unreachable or late, all readers of the call get that error:
//!   `client` has already retried it on other instances.
//!
//! A coalescer belongs to the runtime of its readers, where its tasks run: there is one per worker and service.

mod backend;
mod batch;
mod counts;
mod isolation;
mod reader;
mod traced;

pub use backend::{MetadataBackend, RatingBackend};
pub use counts::Counts;

use super::Error;
use batch::{Batch, Reads, Waiter, batches, complete, fail, latest_deadline, match_rows, parts_of, split};
use futures::future::join_all;
use isolation::Isolation;
use model::RecordId;
use reader::Reader;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::{Instant, timeout, timeout_at};
use trace::Span;

#[cfg(test)]
mod tests;

/// A service that returns one record or many.
pub trait Source: Send + Sync + 'static {
    /// What the service returns about a record.
    type Value: Clone + Send + 'static;

    /// The service's name in errors.
    const SERVICE: &'static str;

    /// Returns the id of the record that `value` is about.
    fn id(value: &Self::Value) -> &RecordId;

    /// Reads one record; `None` if there is none.
    fn get(
        &self,
        id: &RecordId,
        deadline: Instant,
    ) -> impl Future<Output = Result<Option<Self::Value>, Error>> + Send;

    /// Reads up to 500 different records; missing ones are left out.
    fn batch_get(
        &self,
        ids: &[RecordId],
        deadline: Instant,
    ) -> impl Future<Output = Result<Vec<Self::Value>, Error>> + Send;
}

/// Merges the single reads of one source.
#[derive(Debug)]
pub struct Coalescer<S: Source> {
    source: S,
    patience: Duration,
    counts: Counts,
    isolation: Isolation,
    pending: Mutex<Pending<S::Value>>,
}

/// The reads that have arrived since the last batch left.
#[derive(Debug)]
struct Pending<V> {
    reads: Reads<V>,
    /// Whether a dispatch task will send them.
    has_dispatcher: bool,
}

impl<S: Source> Coalescer<S> {
    /// Creates a coalescer for `source`. A batch delays the next one by `patience` at most.
    pub fn new(source: S, patience: Duration, counts: Counts) -> Arc<Self> {
        let pending = Mutex::new(Pending { reads: Vec::new(), has_dispatcher: false });
        Arc::new(Self { source, patience, counts, isolation: Isolation::new(), pending })
    }

    /// Returns the source of the reads.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// Reads `id` in the next batch; `None` if there is no such record.
    ///
    /// # Errors
    ///
    /// - The error that a call for this `id` alone would return, whatever other ids of the batch meet;
    /// - the error that such a call returned up to 1 s ago while calls for other ids succeeded;
    /// - the error of the whole batch, if the service fails for most of it, is unreachable or late.
    pub async fn read(self: &Arc<Self>, id: &RecordId, deadline: Instant) -> Result<Option<S::Value>, Error> {
        let span = traced::read(S::SERVICE);
        let (reply, result) = oneshot::channel();
        if self.enqueue(id.clone(), Waiter { deadline, reply, reader: Reader::current(&span) }) {
            tokio::spawn(self.clone().dispatch());
        }
        let result = match timeout_at(deadline, result).await {
            Ok(Ok(result)) => result,
            // The task of the batch ends without a reply only if it panicked or the runtime stops.
            Ok(Err(closed)) => Err(Error::failed(S::SERVICE, closed)),
            Err(_) => Err(Error::Late { service: S::SERVICE }),
        };
        result.inspect_err(|error| traced::failed(&span, error))
    }

    /// Enqueues a read. Returns true if the caller must spawn the dispatch task.
    fn enqueue(&self, id: RecordId, waiter: Waiter<S::Value>) -> bool {
        let mut pending = self.pending();
        pending.reads.push((id, waiter));
        !std::mem::replace(&mut pending.has_dispatcher, true)
    }

    /// Sends batch after batch until no read is pending.
    async fn dispatch(self: Arc<Self>) {
        loop {
            // Lets the worker enqueue the requests that it has already received.
            yield_now().await;
            let Some(reads) = self.take_pending() else { return };
            let batch = tokio::spawn(self.clone().serve(reads));
            if timeout(self.patience, batch).await.is_err() {
                self.counts.overdue.inc();
            }
        }
    }

    /// Takes all pending reads. `None` if there are none: the next read then spawns another dispatch task.
    fn take_pending(&self) -> Option<Reads<S::Value>> {
        let mut pending = self.pending();
        pending.has_dispatcher = !pending.reads.is_empty();
        pending.has_dispatcher.then(|| std::mem::take(&mut pending.reads))
    }

    fn pending(&self) -> MutexGuard<'_, Pending<S::Value>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(self: Arc<Self>, reads: Reads<S::Value>) {
        self.counts.reads.inc_by(reads.len() as u64);
        let (reads, suspects) = self.isolation.set_apart(reads);
        let suspects = join_all(suspects.into_iter().map(|batch| self.serve_suspect(batch)));
        tokio::join!(join_all(batches(reads).into_iter().map(|batch| self.serve_batch(batch))), suspects);
    }

    /// Requests all of `batch`. If the service fails, the batch is split again and again, so that a failure of one id
    /// affects no other, as long as single ids seem to be the reason and the budget pays for the additional calls.
    async fn serve_batch(&self, batch: Batch<S::Value>) {
        self.counts.batch_ids.observe(batch.len() as f64);
        self.isolation.count_batch();
        let span = traced::batch(S::SERVICE, &batch);
        let mut failed = match self.call(batch, &span).await {
            Outcome::Served | Outcome::Unreachable => return,
            Outcome::Failed(batch, error) => vec![(batch, error)],
        };
        if failed.iter().any(|(batch, _)| batch.len() > 1) {
            self.counts.failed.inc();
        }
        let (mut failures, mut has_success) = (1, false);
        loop {
            let mut parts = Vec::new();
            for (batch, error) in failed.drain(..) {
                if batch.len() > 1 && self.isolation.may_split(has_success, failures, parts_of(batch.len())) {
                    parts.extend(split(batch));
                    continue;
                }
                if batch.len() == 1 && has_success {
                    batch.keys().for_each(|id| self.isolation.suspect(id, &error));
                }
                fail(batch, &error);
            }
            if parts.is_empty() {
                return;
            }
            let calls = parts.into_iter().map(|part| self.call_part(part, &span));
            for outcome in join_all(calls).await {
                match outcome {
                    Outcome::Served => has_success = true,
                    Outcome::Unreachable => {}
                    Outcome::Failed(batch, error) => {
                        failures += 1;
                        failed.push((batch, error));
                    }
                }
            }
        }
    }

    /// Requests one id that failed recently while others did not.
    async fn serve_suspect(&self, batch: Batch<S::Value>) {
        self.counts.batch_ids.observe(batch.len() as f64);
        let ids: Vec<RecordId> = batch.keys().cloned().collect();
        let span = traced::batch(S::SERVICE, &batch);
        span.set("marquee.batch.suspect", true);
        match self.call(batch, &span).await {
            Outcome::Served => ids.iter().for_each(|id| self.isolation.clear(id)),
            Outcome::Unreachable => {}
            Outcome::Failed(batch, error) => {
                ids.iter().for_each(|id| self.isolation.suspect(id, &error));
                fail(batch, &error);
            }
        }
    }

    /// Requests a part of a failed batch, which has the span `whole`.
    async fn call_part(&self, part: Batch<S::Value>, whole: &Span) -> Outcome<S::Value> {
        let span = traced::part(whole, S::SERVICE, &part);
        self.call(part, &span).await
    }

    /// Requests all of `batch` in one call and sends the rows to their readers.
    async fn call(&self, mut batch: Batch<S::Value>, span: &Span) -> Outcome<S::Value> {
        let Some(deadline) = latest_deadline(&batch) else { return Outcome::Unreachable };
        let ids: Vec<RecordId> = batch.keys().cloned().collect();
        let rows = span.run(async {
            match &*ids {
                [id] => self.source.get(id, deadline).await.map(Vec::from_iter),
                ids => self.source.batch_get(ids, deadline).await,
            }
        });
        let rows = match traced::request(&batch) {
            Some(request) => Box::pin(request.run(rows)).await,
            None => rows.await,
        };
        let matched = rows.and_then(|rows| {
            match_rows(&mut batch, rows, S::id).map_err(|unexpected| unexpected.by(S::SERVICE))
        });
        let matched = matched.inspect_err(|error| traced::failed(span, error));
        match matched {
            Ok(matched) => {
                matched.into_iter().for_each(|(waiters, row)| complete(waiters, Ok(Some(row))));
                batch.into_values().for_each(|waiters| complete(waiters, Ok(None)));
                self.isolation.record_success();
                Outcome::Served
            }
            Err(error @ (Error::Unavailable { .. } | Error::Late { .. })) => {
                fail(batch, &error);
                Outcome::Unreachable
            }
            Err(error) => {
                self.isolation.record_failure();
                Outcome::Failed(batch, error)
            }
        }
    }
}

/// How a call for a batch ended.
enum Outcome<V> {
    /// Its readers have their values.
    Served,
    /// Its readers have an error because the service is unreachable or late, or they have all hung up.
    Unreachable,
    /// The service failed, for one or more of the ids. The readers still wait.
    Failed(Batch<V>, Error),
}
