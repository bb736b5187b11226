//! Merges single reads into batches: while a batch is under way, the reads that arrive wait, and go together in
//! the next. No timer holds anything back: a lone read leaves once its worker has looked who else is there.

mod backend;
mod counts;

pub use backend::{MetadataBackend, RatingBackend};
pub use counts::Counts;

use super::Error;
use foldhash::fast::RandomState;
use futures::future::join_all;
use futures::stream::{self, StreamExt};
use model::RecordId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::{Instant, timeout, timeout_at};

#[cfg(test)]
mod tests;

/// The most ids of one batch: the services take no more.
const MAX_BATCH: usize = 500;

/// How many single reads at a time find out which id it was that a batch failed for.
const APART: usize = 16;

/// A service that can be asked for one record or for many.
pub trait Source: Send + Sync + 'static {
    /// What it knows about a record.
    type Value: Clone + Send + 'static;

    /// The service's name, as failures tell it.
    const SERVICE: &'static str;

    /// The record that `value` is about.
    fn id(value: &Self::Value) -> &RecordId;

    /// Reads one record; `None` where there is nothing.
    fn one(
        &self,
        id: &RecordId,
        deadline: Instant,
    ) -> impl Future<Output = Result<Option<Self::Value>, Error>> + Send;

    /// Reads up to 500 records, none asked for twice; missing ones are left out.
    fn many(
        &self,
        ids: &[RecordId],
        deadline: Instant,
    ) -> impl Future<Output = Result<Vec<Self::Value>, Error>> + Send;
}

/// The single reads of one source, merged. It belongs to the runtime of its readers, where its batches run.
#[derive(Debug)]
pub struct Coalescer<S: Source> {
    source: S,
    patience: Duration,
    counts: Counts,
    waiting: Mutex<Waiting<S::Value>>,
}

/// Who has come since the last batch left.
#[derive(Debug)]
struct Waiting<V> {
    reads: Vec<(RecordId, Waiter<V>)>,
    /// Whether a task is there that will take them along.
    attended: bool,
}

#[derive(Debug)]
struct Waiter<V> {
    deadline: Instant,
    answer: oneshot::Sender<Result<Option<V>, Error>>,
}

/// The reads of a batch, those of one id together.
type Batch<V> = HashMap<RecordId, Vec<Waiter<V>>, RandomState>;

impl<S: Source> Coalescer<S> {
    /// Merges the reads of `source`. A batch that takes longer than `patience` holds nobody up any more.
    pub fn new(source: S, patience: Duration, counts: Counts) -> Arc<Self> {
        let waiting = Mutex::new(Waiting { reads: Vec::new(), attended: false });
        Arc::new(Self { source, patience, counts, waiting })
    }

    /// What is read.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// Reads `id` in the next batch. That never left before this was called, so that its answer is as new as one
    /// to a call of the reader's own. It is a task of its own as well: a reader who hangs up, or whose `deadline`
    /// passes, takes nothing away from the others.
    ///
    /// # Errors
    ///
    /// What a call for this `id` alone would have met, whatever the others in the batch meet.
    pub async fn read(self: &Arc<Self>, id: &RecordId, deadline: Instant) -> Result<Option<S::Value>, Error> {
        let (answer, answered) = oneshot::channel();
        if self.join(id.clone(), Waiter { deadline, answer }) {
            tokio::spawn(self.clone().attend());
        }
        match timeout_at(deadline, answered).await {
            Ok(Ok(answer)) => answer,
            // The batch is gone without an answer only where it panicked or the runtime stops.
            Ok(Err(gone)) => Err(Error::failed(S::SERVICE, gone)),
            Err(_) => Err(Error::Late { service: S::SERVICE }),
        }
    }

    /// Has a reader wait; whether he is the one who must see to it that somebody attends.
    fn join(&self, id: RecordId, waiter: Waiter<S::Value>) -> bool {
        let mut waiting = self.waiting();
        waiting.reads.push((id, waiter));
        !std::mem::replace(&mut waiting.attended, true)
    }

    /// Sends batch after batch until nobody waits.
    async fn attend(self: Arc<Self>) {
        loop {
            // Those whose requests are there to be read get on as well.
            yield_now().await;
            let Some(reads) = self.take() else { return };
            let batch = tokio::spawn(self.clone().answer(reads));
            if timeout(self.patience, batch).await.is_err() {
                self.counts.overdue.inc();
            }
        }
    }

    /// All who wait now; `None` where nobody does, which the next reader will see.
    fn take(&self) -> Option<Vec<(RecordId, Waiter<S::Value>)>> {
        let mut waiting = self.waiting();
        waiting.attended = !waiting.reads.is_empty();
        waiting.attended.then(|| std::mem::take(&mut waiting.reads))
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting<S::Value>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(self: Arc<Self>, reads: Vec<(RecordId, Waiter<S::Value>)>) {
        self.counts.reads.inc_by(reads.len() as u64);
        join_all(batches(reads).into_iter().map(|batch| self.answer_batch(batch))).await;
    }

    async fn answer_batch(&self, mut batch: Batch<S::Value>) {
        self.counts.batch_ids.observe(batch.len() as f64);
        if batch.len() == 1 {
            return self.answer_apart(batch).await;
        }
        let ids: Vec<RecordId> = batch.keys().cloned().collect();
        let Some(deadline) = latest(batch.values().flatten()) else { return };
        match self.source.many(&ids, deadline).await {
            Ok(found) => {
                for value in found {
                    if let Some(waiters) = batch.remove(S::id(&value)) {
                        tell(waiters, Ok(Some(value)));
                    }
                }
                batch.into_values().for_each(|waiters| tell(waiters, Ok(None)));
            }
            Err(Error::Refused(_) | Error::Failed { .. }) => {
                self.counts.apart.inc();
                self.answer_apart(batch).await;
            }
            Err(error @ (Error::Unavailable { .. } | Error::Late { .. })) => {
                batch.into_values().for_each(|waiters| tell(waiters, Err(error.clone())));
            }
        }
    }

    /// Asks for one id after the other, so that what is wrong with one is wrong with no other.
    async fn answer_apart(&self, batch: Batch<S::Value>) {
        let answers = batch.into_iter().map(async |(id, waiters)| {
            if let Some(deadline) = latest(&waiters) {
                tell(waiters, self.source.one(&id, deadline).await);
            }
        });
        stream::iter(answers).buffer_unordered(APART).collect::<()>().await;
    }
}

/// Reads in batches of at most [`MAX_BATCH`] ids; those whose readers have hung up are left out.
fn batches<V>(reads: Vec<(RecordId, Waiter<V>)>) -> Vec<Batch<V>> {
    let mut batches: Vec<Batch<V>> = Vec::new();
    for (id, waiter) in reads.into_iter().filter(|(_, waiter)| !waiter.answer.is_closed()) {
        match batches.last_mut() {
            Some(batch) if batch.len() < MAX_BATCH || batch.contains_key(&id) => {
                batch.entry(id).or_default().push(waiter);
            }
            _ => batches.push(Batch::from_iter([(id, vec![waiter])])),
        }
    }
    batches
}

/// Until when somebody waits; `None` where all have hung up.
fn latest<'a, V: 'a>(waiters: impl IntoIterator<Item = &'a Waiter<V>>) -> Option<Instant> {
    waiters.into_iter().filter(|waiter| !waiter.answer.is_closed()).map(|waiter| waiter.deadline).max()
}

/// Gives all of `waiters` the same answer; those who hung up don't hear it.
fn tell<V: Clone>(mut waiters: Vec<Waiter<V>>, answer: Result<Option<V>, Error>) {
    let last = waiters.pop();
    for waiter in waiters {
        let _ = waiter.answer.send(answer.clone());
    }
    let _ = last.map(|waiter| waiter.answer.send(answer));
}
