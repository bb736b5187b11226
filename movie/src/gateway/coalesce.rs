//! Merges single reads into batches: while a batch is under way, the reads that arrive wait, and go together in
//! the next. No timer holds anything back: a lone read leaves once its worker has looked who else is there.

mod backend;
mod counts;
mod isolation;

pub use backend::{MetadataBackend, RatingBackend};
pub use counts::Counts;

use super::{Error, Unexpected};
use foldhash::fast::RandomState;
use futures::future::join_all;
use isolation::Isolation;
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

/// Up to how many ids of a failed batch are asked for one by one.
const SINGLY: usize = 4;

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
    isolation: Isolation,
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
        Arc::new(Self { source, patience, counts, isolation: Isolation::new(), waiting })
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
    /// What a call for this `id` alone would have met, whatever the others in the batch meet; what such a call met a
    /// short time ago, if it failed while others did not; and what the whole batch met, if the service fails for most
    /// of it.
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
        let (reads, suspects) = self.isolation.set_apart(reads);
        let apart = join_all(suspects.into_iter().map(|batch| self.answer_suspect(batch)));
        tokio::join!(join_all(batches(reads).into_iter().map(|batch| self.answer_batch(batch))), apart);
    }

    /// Requests all of `batch`. One that fails is divided again and again, so that a failure of one id affects no
    /// other, as long as single ids seem to be the reason and the budget pays for the further calls.
    async fn answer_batch(&self, batch: Batch<S::Value>) {
        self.counts.batch_ids.observe(batch.len() as f64);
        self.isolation.count_batch();
        let mut failed = match self.ask(batch).await {
            Asked::Answered | Asked::Unreachable => return,
            Asked::Failed(batch, error) => vec![(batch, error)],
        };
        if failed.iter().any(|(batch, _)| batch.len() > 1) {
            self.counts.apart.inc();
        }
        let (mut failures, mut is_well) = (1, false);
        loop {
            let mut parts = Vec::new();
            for (batch, error) in failed.drain(..) {
                if batch.len() > 1 && self.isolation.may_divide(is_well, failures, parts_of(batch.len())) {
                    parts.extend(divided(batch));
                    continue;
                }
                if batch.len() == 1 && is_well {
                    batch.keys().for_each(|id| self.isolation.suspect(id, &error));
                }
                tell_all(batch, &error);
            }
            if parts.is_empty() {
                return;
            }
            for asked in join_all(parts.into_iter().map(|part| self.ask(part))).await {
                match asked {
                    Asked::Answered => is_well = true,
                    Asked::Unreachable => {}
                    Asked::Failed(batch, error) => {
                        failures += 1;
                        failed.push((batch, error));
                    }
                }
            }
        }
    }

    /// Requests one id that failed before while others did not.
    async fn answer_suspect(&self, batch: Batch<S::Value>) {
        self.counts.batch_ids.observe(batch.len() as f64);
        let ids: Vec<RecordId> = batch.keys().cloned().collect();
        match self.ask(batch).await {
            Asked::Answered => ids.iter().for_each(|id| self.isolation.clear(id)),
            Asked::Unreachable => {}
            Asked::Failed(batch, error) => {
                ids.iter().for_each(|id| self.isolation.suspect(id, &error));
                tell_all(batch, &error);
            }
        }
    }

    /// Requests all of `batch` in one call, and sends its readers what was found.
    async fn ask(&self, mut batch: Batch<S::Value>) -> Asked<S::Value> {
        let Some(deadline) = latest(batch.values().flatten()) else { return Asked::Unreachable };
        let ids: Vec<RecordId> = batch.keys().cloned().collect();
        let found = match &*ids {
            [id] => self.source.one(id, deadline).await.map(Vec::from_iter),
            ids => self.source.many(ids, deadline).await,
        };
        match found.and_then(|found| assigned::<S>(&mut batch, found)) {
            Ok(found) => {
                found.into_iter().for_each(|(waiters, value)| tell(waiters, Ok(Some(value))));
                batch.into_values().for_each(|waiters| tell(waiters, Ok(None)));
                self.isolation.is_well();
                Asked::Answered
            }
            Err(error @ (Error::Unavailable { .. } | Error::Late { .. })) => {
                tell_all(batch, &error);
                Asked::Unreachable
            }
            Err(error) => {
                self.isolation.failed();
                Asked::Failed(batch, error)
            }
        }
    }
}

/// How a call for a batch ended.
enum Asked<V> {
    /// Its readers have their values.
    Answered,
    /// Its readers have an error because the service can't be reached, or hung up.
    Unreachable,
    /// The service failed, for one or more of the ids.
    Failed(Batch<V>, Error),
}

/// A row and those who read it.
type Served<V> = (Vec<Waiter<V>>, V);

/// Pairs each row with its readers, which leave `batch`. If a row was not asked for, or comes twice, none is used and
/// `batch` stays whole.
fn assigned<S: Source>(
    batch: &mut Batch<S::Value>,
    found: Vec<S::Value>,
) -> Result<Vec<Served<S::Value>>, Error> {
    let mut assigned = Vec::with_capacity(found.len());
    for value in found {
        if let Some(waiters) = batch.remove(S::id(&value)) {
            assigned.push((waiters, value));
            continue;
        }
        let is_repeated = assigned.iter().any(|(_, other)| S::id(other) == S::id(&value));
        batch.extend(assigned.into_iter().map(|(waiters, value)| (S::id(&value).clone(), waiters)));
        let unexpected = if is_repeated { Unexpected::Repeated } else { Unexpected::Unasked };
        return Err(unexpected.by(S::SERVICE));
    }
    Ok(assigned)
}

/// The number of ids in a part of a failed batch: half of them, or one if halving would take as many calls.
fn part_size(ids: usize) -> usize {
    if ids <= SINGLY { 1 } else { ids.div_ceil(2) }
}

/// The number of parts in which a failed batch is requested again.
fn parts_of(ids: usize) -> usize {
    ids.div_ceil(part_size(ids))
}

fn divided<V>(batch: Batch<V>) -> Vec<Batch<V>> {
    let size = part_size(batch.len());
    let mut reads = batch.into_iter().peekable();
    let mut parts = Vec::new();
    while reads.peek().is_some() {
        parts.push(reads.by_ref().take(size).collect());
    }
    parts
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

/// Gives all readers of `batch` the same failure.
fn tell_all<V: Clone>(batch: Batch<V>, error: &Error) {
    batch.into_values().for_each(|waiters| tell(waiters, Err(error.clone())));
}

/// Gives all of `waiters` the same answer; those who hung up don't hear it.
fn tell<V: Clone>(mut waiters: Vec<Waiter<V>>, answer: Result<Option<V>, Error>) {
    let last = waiters.pop();
    for waiter in waiters {
        let _ = waiter.answer.send(answer.clone());
    }
    let _ = last.map(|waiter| waiter.answer.send(answer));
}
