//! One lane: decodes a chunk, sends off what can't be read, and has the rest applied and the offsets stored
//! that it takes its partitions to. Of the chunk's bytes only those stay that can't be read.

use super::chunk::{Chunk, Reached, Record, Start, digest};
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
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::UnboundedReceiver;
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
    /// A chunk is finished, so there is room for another.
    Room { lane: usize },
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
#[derive(Clone, Debug)]
struct Held {
    epoch: u64,
    /// The stored position.
    stored: Option<Position>,
    fenced: bool,
}

/// A chunk, and the turn that it has in its lane.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) chunk: Chunk,
    /// Given back once the chunk is applied.
    pub(super) room: OwnedSemaphorePermit,
}

/// What the records of a chunk say.
struct Decoded {
    starts: Vec<Start>,
    reached: Vec<Reached>,
    writes: Writes,
    parts: Parts,
    /// The records that can't be read, with their bytes, and why not.
    rejected: Chunk,
    reasons: Vec<Rejected>,
}

/// Writes in the order of their records.
#[derive(Debug)]
struct Writes {
    writes: Vec<Write>,
    /// The partition that each of the writes came from.
    partitions: Vec<i32>,
}

/// What a chunk holds of each partition.
type Parts = BTreeMap<i32, Part>;

/// What a chunk holds of one partition, which is one reading of it.
#[derive(Debug)]
struct Part {
    epoch: u64,
    first: i64,
    to: Position,
}

/// The service is stopping.
struct Stopped;

impl Lane {
    /// Works through chunks until there are no more, or the service stops. While one is applied the next is
    /// decoded.
    pub(super) async fn run(self, mut turns: UnboundedReceiver<Turn>) {
        let mut held = HashMap::new();
        let mut log = Sparse::new(NAMED);
        let mut next = Self::decode_next(&mut turns).await;
        while let Some((decoded, room)) = next {
            let worked = async {
                let worked = self.work(decoded, &mut held, &mut log).await;
                drop(room);
                // The consumer may have ended already.
                let _ = self.feedback.send(Feedback::Room { lane: self.number });
                worked
            };
            let (worked, following) = tokio::join!(worked, Self::decode_next(&mut turns));
            if worked.is_err() {
                return;
            }
            next = following;
        }
    }

    /// Waits for a chunk and decodes it; `None` where there are no more.
    async fn decode_next(turns: &mut UnboundedReceiver<Turn>) -> Option<(Decoded, OwnedSemaphorePermit)> {
        let Turn { chunk, room } = turns.recv().await?;
        let decoded = tokio::task::spawn_blocking(move || Decoded::of(chunk)).await.ok()?;
        Some((decoded, room))
    }

    async fn work(
        &self,
        decoded: Decoded,
        held: &mut HashMap<i32, Held>,
        log: &mut Sparse,
    ) -> Result<(), Stopped> {
        let Decoded { starts, reached, mut writes, mut parts, rejected, reasons } = decoded;
        for Start { partition, epoch, stored } in starts {
            held.insert(partition, Held { epoch, stored, fenced: false });
        }
        for reached in reached {
            skip(&mut parts, held, reached);
        }
        let current = |partition, epoch| {
            held.get(&partition).is_some_and(|held: &Held| !held.fenced && held.epoch == epoch)
        };
        let before = parts.len();
        parts.retain(|partition, part| current(*partition, part.epoch));
        if parts.len() < before {
            writes.keep(&parts);
        }
        self.reject(&rejected, reasons, &parts, log).await?;
        self.apply(writes, parts, held).await
    }

    /// Sends off what can't be read; returns once all of it is acknowledged.
    async fn reject(
        &self,
        rejected: &Chunk,
        reasons: Vec<Rejected>,
        parts: &Parts,
        log: &mut Sparse,
    ) -> Result<(), Stopped> {
        let letters: Vec<_> = rejected
            .records
            .iter()
            .zip(reasons)
            .filter(|(record, _)| parts.contains_key(&record.partition))
            .map(|(record, reason)| {
                let Record { partition, offset, .. } = *record;
                self.metrics.rejected(reason.kind());
                if let Some(unnamed) = log.turn() {
                    tracing::warn!(topic = self.topic, partition, offset, %reason, unnamed, "an event was rejected");
                }
                Letter { partition, offset, content: rejected.content(record), reason }
            })
            .collect();
        if self.dead_letters.send(&letters, &self.stop).await { Ok(()) } else { Err(Stopped) }
    }

    /// Applies the writes and stores the offsets; what is of a partition that has another owner is left to that
    /// one.
    async fn apply(
        &self,
        mut writes: Writes,
        mut parts: Parts,
        held: &mut HashMap<i32, Held>,
    ) -> Result<(), Stopped> {
        let began = Instant::now();
        for &transaction in self.delivery.transactions() {
            let committed = self.commit(transaction, &mut writes, &mut parts, held).await?;
            if let Some(outcomes) = committed.filter(|outcomes| !outcomes.is_empty()) {
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
        writes: &mut Writes,
        parts: &mut Parts,
        held: &mut HashMap<i32, Held>,
    ) -> Result<Option<Vec<Outcome>>, Stopped> {
        let mut wait = RETRY.0;
        let mut batch = Arc::new(self.batch(transaction, writes, parts, held));
        while !batch.is_empty() {
            match self.writer.ingest(self.number, Arc::clone(&batch)).await {
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
                    if transaction.ratings {
                        writes.writes = Arc::unwrap_or_clone(batch).writes;
                    }
                    writes.keep(parts);
                    batch = Arc::new(self.batch(transaction, writes, parts, held));
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
        Ok(None)
    }

    /// What `transaction` writes; takes the writes where it is the one for them.
    fn batch(
        &self,
        transaction: Transaction,
        writes: &mut Writes,
        parts: &Parts,
        held: &HashMap<i32, Held>,
    ) -> Batch {
        let mut batch = Batch::default();
        if transaction.ratings {
            batch.writes = std::mem::take(&mut writes.writes);
        }
        if transaction.offsets {
            let cluster = self.cluster.get().cloned().unwrap_or_default();
            let topic = &self.topic;
            batch.offsets.extend(parts.iter().map(|(&partition, part)| Advance {
                partition: Partition { cluster: cluster.clone(), topic: topic.clone(), partition },
                from: held.get(&partition).and_then(|held| Some(held.stored.as_ref()?.next_offset)),
                to: part.to.clone(),
            }));
        }
        batch
    }

    fn applied(&self, parts: &Parts, held: &mut HashMap<i32, Held>) {
        for (&partition, Part { epoch, to, .. }) in parts {
            if let Some(held) = held.get_mut(&partition) {
                held.stored = Some(to.clone());
            }
            self.metrics.progress.applied(partition, to);
            let next_offset = to.next_offset;
            let _ = self.feedback.send(Feedback::Applied { partition, epoch: *epoch, next_offset });
        }
    }
}

/// Moves the position that a partition is taken to past offsets that hold no event.
fn skip(parts: &mut Parts, held: &HashMap<i32, Held>, reached: Reached) {
    let Reached { partition, epoch, next } = reached;
    let Some(held) = held.get(&partition).filter(|held| held.epoch == epoch) else { return };
    let part = parts.entry(partition).or_insert_with(|| {
        let nothing_read = Position { next_offset: 0, skipped: 0, last_timestamp: -1, last_digest: 0 };
        let to = held.stored.clone().unwrap_or(nothing_read);
        Part { epoch, first: to.next_offset, to }
    });
    part.to.skip_to(next);
}

impl Decoded {
    fn of(chunk: Chunk) -> Self {
        let mut writes = Writes::with_capacity(chunk.records.len());
        let (mut rejected, mut reasons) = (Chunk::default(), Vec::new());
        let mut spans: BTreeMap<i32, (&Record, &Record)> = BTreeMap::new();
        for record in &chunk.records {
            spans.entry(record.partition).or_insert((record, record)).1 = record;
            let content = chunk.content(record);
            match decode(&content, record.timestamp) {
                Ok(write) => writes.push(write, record.partition),
                Err(reason) => {
                    rejected.add(*record, content);
                    reasons.push(reason);
                }
            }
        }
        let parts = spans.into_iter().map(|(partition, (first, last))| {
            let content = chunk.content(last);
            let to = Position {
                next_offset: last.offset + 1,
                skipped: 0,
                last_timestamp: last.timestamp,
                last_digest: digest(content.key, content.value),
            };
            (partition, Part { epoch: last.epoch, first: first.offset, to })
        });
        Self {
            parts: parts.collect(),
            starts: chunk.starts,
            reached: chunk.reached,
            writes,
            rejected,
            reasons,
        }
    }
}

impl Writes {
    fn with_capacity(count: usize) -> Self {
        Self { writes: Vec::with_capacity(count), partitions: Vec::with_capacity(count) }
    }

    fn push(&mut self, write: Write, partition: i32) {
        self.writes.push(write);
        self.partitions.push(partition);
    }

    /// Drops what is of other partitions than those of `parts`.
    fn keep(&mut self, parts: &Parts) {
        let mut partitions = self.partitions.iter();
        self.writes.retain(|_| partitions.next().is_some_and(|partition| parts.contains_key(partition)));
        self.partitions.retain(|partition| parts.contains_key(partition));
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
