//! One lane: decodes a chunk, sends off what can't be read, and has the rest applied and the offsets stored
//! that it takes its partitions to.

use super::chunk::{Chunk, Record, Start, digest};
use super::dead_letters::{DeadLetters, Letter};
use super::decode::{Rejected, decode};
use super::delivery::{Delivery, Transaction};
use super::health::{Health, Subject};
use super::metrics::Metrics;
use crate::batch::{Advance, Batch, Outcome, Partition, Position, Write};
use crate::writer::{self, Writer};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Receiver;
use tokio_util::sync::CancellationToken;

/// The first and the longest wait before a batch is tried again.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// How many rejected records a lane names in the log each second.
const NAMED: u32 = 5;

/// What a lane tells the consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feedback {
    /// A partition was applied up to here.
    Applied { partition: i32, epoch: u64, next_offset: i64 },
    /// The stored position of a partition is not the expected one: it must be read again.
    Fenced {
        partition: i32,
        epoch: u64,
        /// The first offset of what was refused.
        first: i64,
    },
    /// A chunk was taken, so there is room for another.
    Room,
}

/// A lane, and what it works with.
pub(super) struct Lane {
    pub(super) number: usize,
    pub(super) topic: String,
    pub(super) delivery: Delivery,
    pub(super) writer: Writer,
    pub(super) dead_letters: DeadLetters,
    pub(super) feedback: Sender<Feedback>,
    pub(super) health: Health,
    pub(super) metrics: Metrics,
    pub(super) stop: CancellationToken,
    pub(super) cluster: Arc<std::sync::OnceLock<String>>,
}

/// A partition as the lane reads it.
#[derive(Clone, Copy, Debug)]
struct Held {
    epoch: u64,
    from: Option<i64>,
    fenced: bool,
}

/// A chunk and what its records say.
struct Decoded {
    chunk: Chunk,
    parts: Parts,
    rejected: Vec<(Record, Rejected)>,
}

/// The events of each partition by themselves.
type Parts = BTreeMap<i32, Part>;

/// What a chunk holds of one partition, which is one reading of it.
#[derive(Debug)]
struct Part {
    epoch: u64,
    first: i64,
    writes: Vec<Write>,
    to: Position,
}

/// The service is stopping.
struct Stopped;

impl Lane {
    /// Works through chunks until there are no more, or the service stops. While one is applied the next is
    /// decoded.
    pub(super) async fn run(self, mut chunks: Receiver<Chunk>) {
        let mut held = HashMap::new();
        let mut log = Sparse::new(NAMED);
        let mut next = self.decode_next(&mut chunks).await;
        while let Some(decoded) = next {
            let worked = self.work(decoded, &mut held, &mut log);
            let (worked, following) = tokio::join!(worked, self.decode_next(&mut chunks));
            if worked.is_err() {
                return;
            }
            next = following;
        }
    }

    /// Waits for a chunk and decodes it; `None` where there are no more.
    async fn decode_next(&self, chunks: &mut Receiver<Chunk>) -> Option<Decoded> {
        let chunk = chunks.recv().await?;
        // The consumer may have ended already.
        let _ = self.feedback.send(Feedback::Room);
        tokio::task::spawn_blocking(move || Decoded::of(chunk)).await.ok()
    }

    async fn work(
        &self,
        decoded: Decoded,
        held: &mut HashMap<i32, Held>,
        log: &mut Sparse,
    ) -> Result<(), Stopped> {
        let Decoded { chunk, mut parts, mut rejected } = decoded;
        for Start { partition, epoch, from } in &chunk.starts {
            held.insert(*partition, Held { epoch: *epoch, from: *from, fenced: false });
        }
        let current = |partition, epoch| {
            held.get(&partition).is_some_and(|held: &Held| !held.fenced && held.epoch == epoch)
        };
        parts.retain(|partition, part| current(*partition, part.epoch));
        rejected.retain(|(record, _)| current(record.partition, record.epoch));
        self.reject(&chunk, rejected, log).await?;
        drop(chunk);
        self.apply(parts, held).await
    }

    /// Sends off what can't be read; returns once all of it is acknowledged.
    async fn reject(
        &self,
        chunk: &Chunk,
        rejected: Vec<(Record, Rejected)>,
        log: &mut Sparse,
    ) -> Result<(), Stopped> {
        let letters: Vec<_> = rejected
            .into_iter()
            .map(|(record, reason)| {
                let Record { partition, offset, .. } = record;
                self.metrics.rejected(reason.kind());
                if let Some(unnamed) = log.turn() {
                    tracing::warn!(topic = self.topic, partition, offset, %reason, unnamed, "an event was rejected");
                }
                Letter { partition, offset, content: chunk.content(&record), reason }
            })
            .collect();
        if self.dead_letters.send(&letters, &self.stop).await { Ok(()) } else { Err(Stopped) }
    }

    /// Applies the parts and stores their offsets; a part whose partition has another owner is left to that
    /// one.
    async fn apply(&self, mut parts: Parts, held: &mut HashMap<i32, Held>) -> Result<(), Stopped> {
        let began = Instant::now();
        for &transaction in self.delivery.transactions() {
            let committed = self.commit(transaction, &mut parts, held).await?;
            if let Some(outcomes) = committed.filter(|_| transaction.ratings) {
                self.metrics.applied(&outcomes, began.elapsed());
            }
        }
        self.applied(&parts, held);
        Ok(())
    }

    /// Makes one transaction, again and again until it commits; `None` where nothing is left for it.
    async fn commit(
        &self,
        transaction: Transaction,
        parts: &mut Parts,
        held: &mut HashMap<i32, Held>,
    ) -> Result<Option<Vec<Outcome>>, Stopped> {
        let mut wait = RETRY.0;
        loop {
            let batch = self.batch(transaction, parts, held);
            if batch.writes.is_empty() && batch.offsets.is_empty() {
                return Ok(None);
            }
            match self.writer.ingest(self.number, batch).await {
                Ok(outcomes) => {
                    self.health.well(Subject::Storage(Some(self.number)));
                    return Ok(Some(outcomes));
                }
                Err(writer::Error::Fenced(fenced)) => {
                    let partition = fenced.partition;
                    // The database has answered; this lane may get nothing more to store, and to say so then.
                    self.health.well(Subject::Storage(Some(self.number)));
                    self.metrics.fenced();
                    tracing::warn!(partition, "the partition's stored offset was moved by another owner");
                    if let (Some(part), Some(held)) = (parts.remove(&partition), held.get_mut(&partition)) {
                        held.fenced = true;
                        let Part { epoch, first, .. } = part;
                        let _ = self.feedback.send(Feedback::Fenced { partition, epoch, first });
                    }
                }
                Err(writer::Error::Storage(error)) => {
                    let reason = format!("ratings can't be stored: {}", service::chain(&*error));
                    self.health.trouble(Subject::Storage(Some(self.number)), reason);
                    tokio::select! {
                        () = self.stop.cancelled() => return Err(Stopped),
                        () = tokio::time::sleep(wait) => wait = (wait * 2).min(RETRY.1),
                    }
                }
                Err(writer::Error::Stopped) => return Err(Stopped),
            }
        }
    }

    fn batch(&self, transaction: Transaction, parts: &Parts, held: &HashMap<i32, Held>) -> Batch {
        let mut batch = Batch::default();
        if transaction.ratings {
            batch.writes.reserve(parts.values().map(|part| part.writes.len()).sum());
            parts.values().for_each(|part| batch.writes.extend_from_slice(&part.writes));
        }
        if transaction.offsets {
            let cluster = self.cluster.get().cloned().unwrap_or_default();
            let topic = &self.topic;
            batch.offsets.extend(parts.iter().map(|(&partition, part)| Advance {
                partition: Partition { cluster: cluster.clone(), topic: topic.clone(), partition },
                from: held.get(&partition).and_then(|held| held.from),
                to: part.to.clone(),
            }));
        }
        batch
    }

    fn applied(&self, parts: &Parts, held: &mut HashMap<i32, Held>) {
        for (&partition, Part { epoch, to, .. }) in parts {
            if let Some(held) = held.get_mut(&partition) {
                held.from = Some(to.next_offset);
            }
            self.metrics.progress.applied(partition, to);
            let next_offset = to.next_offset;
            let _ = self.feedback.send(Feedback::Applied { partition, epoch: *epoch, next_offset });
        }
    }
}

impl Decoded {
    fn of(chunk: Chunk) -> Self {
        let (mut parts, mut rejected) = (Parts::new(), Vec::new());
        let mut last: BTreeMap<i32, Record> = BTreeMap::new();
        for record in &chunk.records {
            last.insert(record.partition, *record);
            let part = parts.entry(record.partition).or_insert_with(|| Part {
                epoch: record.epoch,
                first: record.offset,
                writes: Vec::new(),
                to: Position { next_offset: 0, last_timestamp: 0, last_digest: 0 },
            });
            match decode(&chunk.content(record), record.timestamp) {
                Ok(write) => part.writes.push(write),
                Err(reason) => rejected.push((*record, reason)),
            }
        }
        for (partition, part) in &mut parts {
            if let Some(record) = last.get(partition) {
                let content = chunk.content(record);
                part.to = Position {
                    next_offset: record.offset + 1,
                    last_timestamp: record.timestamp,
                    last_digest: digest(content.key, content.value),
                };
            }
        }
        Self { chunk, parts, rejected }
    }
}

/// Lets a few log lines a second pass.
struct Sparse {
    most: u32,
    passed: u32,
    held_back: u64,
    since: Instant,
}

impl Sparse {
    fn new(most: u32) -> Self {
        Self { most, passed: 0, held_back: 0, since: Instant::now() }
    }

    /// Whether a line may pass, and how many have not since the last one that did.
    fn turn(&mut self) -> Option<u64> {
        if self.since.elapsed() >= Duration::from_secs(1) {
            self.passed = 0;
            self.since = Instant::now();
        }
        if self.passed == self.most {
            self.held_back += 1;
            return None;
        }
        self.passed += 1;
        Some(std::mem::take(&mut self.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_lines_are_few_and_count_the_others() {
        let mut log = Sparse::new(2);
        assert_eq!([log.turn(), log.turn(), log.turn(), log.turn()], [Some(0), Some(0), None, None]);
        log.since -= Duration::from_secs(2);
        assert_eq!([log.turn(), log.turn()], [Some(2), Some(0)]);
    }
}
