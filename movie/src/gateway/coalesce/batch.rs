//! Batches of single reads: the waiting readers of each id, and how a batch is split, matched and completed.

use super::reader::Reader;
use crate::gateway::{Error, Unexpected};
use foldhash::fast::RandomState;
use model::{MAX_BATCH, RecordId};
use std::collections::HashMap;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// The largest failed batch that is split into single ids at once.
const MAX_SINGLE_SPLIT: usize = 4;

/// A reader that waits for the result of its read.
#[derive(Debug)]
pub(super) struct Waiter<V> {
    pub(super) deadline: Instant,
    pub(super) reply: oneshot::Sender<Result<Option<V>, Error>>,
    /// Its request, if that is sampled or has an id.
    pub(super) reader: Option<Box<Reader>>,
}

/// Reads in the order of their arrival.
pub(super) type Reads<V> = Vec<(RecordId, Waiter<V>)>;

/// The reads of one call, grouped by id.
pub(super) type Batch<V> = HashMap<RecordId, Vec<Waiter<V>>, RandomState>;

/// Groups reads into batches of at most [`MAX_BATCH`] ids. Reads whose callers have hung up are dropped.
pub(super) fn batches<V>(reads: Reads<V>) -> Vec<Batch<V>> {
    let mut batches: Vec<Batch<V>> = Vec::new();
    for (id, waiter) in reads.into_iter().filter(|(_, waiter)| !waiter.reply.is_closed()) {
        match batches.last_mut() {
            Some(batch) if batch.len() < MAX_BATCH || batch.contains_key(&id) => {
                batch.entry(id).or_default().push(waiter);
            }
            _ => batches.push(Batch::from_iter([(id, vec![waiter])])),
        }
    }
    batches
}

/// Rows, each with its readers.
type Matched<V> = Vec<(Vec<Waiter<V>>, V)>;

/// Returns the latest deadline of a batch; `None` if all its readers have hung up.
pub(super) fn latest_deadline<V>(batch: &Batch<V>) -> Option<Instant> {
    let waiters = batch.values().flatten().filter(|waiter| !waiter.reply.is_closed());
    waiters.map(|waiter| waiter.deadline).max()
}

/// Pairs each row with its readers and removes these from `batch`. `id` returns the id of a row. If a row was not
/// requested or comes twice, none is used and `batch` stays complete.
pub(super) fn match_rows<V>(
    batch: &mut Batch<V>,
    rows: Vec<V>,
    id: fn(&V) -> &RecordId,
) -> Result<Matched<V>, Unexpected> {
    let mut matched = Vec::with_capacity(rows.len());
    for row in rows {
        if let Some(waiters) = batch.remove(id(&row)) {
            matched.push((waiters, row));
            continue;
        }
        let is_repeated = matched.iter().any(|(_, other)| id(other) == id(&row));
        batch.extend(matched.into_iter().map(|(waiters, row)| (id(&row).clone(), waiters)));
        return Err(if is_repeated { Unexpected::Repeated } else { Unexpected::NotRequested });
    }
    Ok(matched)
}

/// Returns the number of parts into which [`split`] divides a batch of so many ids.
pub(super) fn parts_of(ids: usize) -> usize {
    ids.div_ceil(part_size(ids))
}

/// Splits a failed batch, so that its parts can be requested separately.
pub(super) fn split<V>(batch: Batch<V>) -> Vec<Batch<V>> {
    let size = part_size(batch.len());
    let mut reads = batch.into_iter().peekable();
    let mut parts = Vec::new();
    while reads.peek().is_some() {
        parts.push(reads.by_ref().take(size).collect());
    }
    parts
}

/// Returns half of the ids, or one if halving would take as many calls.
fn part_size(ids: usize) -> usize {
    if ids <= MAX_SINGLE_SPLIT { 1 } else { ids.div_ceil(2) }
}

/// Sends the same result to all of `waiters`; those that have hung up are ignored.
pub(super) fn complete<V: Clone>(mut waiters: Vec<Waiter<V>>, result: Result<Option<V>, Error>) {
    let last = waiters.pop();
    for waiter in waiters {
        let _ = waiter.reply.send(result.clone());
    }
    let _ = last.map(|waiter| waiter.reply.send(result));
}

/// Sends the same failure to all readers of `batch`.
pub(super) fn fail<V: Clone>(batch: Batch<V>, error: &Error) {
    batch.into_values().for_each(|waiters| complete(waiters, Err(error.clone())));
}
