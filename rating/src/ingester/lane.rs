//! One lane: decodes a chunk, sends what can't be read to the dead letters, and applies the rest together with the
//! offsets that it takes its partitions to. What the database refuses for good goes to the dead letters as well.

mod decoded;

use super::chunk::{Chunk, Reached, Record, Start};
use super::dead_letters::{DeadLetters, Letter};
use super::decode::Rejected;
use super::delivery::{Delivery, Transaction};
use super::health::{Health, Subject};
use super::metrics::Metrics;
use crate::batch::{Advance, Batch, Outcome, Partition, Position};
use crate::writer::{self, Writer};
use decoded::{Decoded, Part, Parts, Reject, Run};
use std::collections::HashMap;
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

/// What became of a transaction.
enum Committed {
    /// It is committed.
    Outcomes(Vec<Outcome>),
    /// Nothing is left for it to do.
    Nothing,
    /// The database refuses at least one of its writes for good.
    Refused(Run, String),
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
        let Decoded { chunk, mut run, mut parts, rejected } = decoded;
        for Start { partition, epoch, stored } in &chunk.starts {
            held.insert(*partition, Held { epoch: *epoch, stored: stored.clone(), fenced: false });
        }
        for &reached in &chunk.reached {
            skip(&mut parts, held, reached);
        }
        let current = |partition, epoch| {
            held.get(&partition).is_some_and(|held: &Held| !held.fenced && held.epoch == epoch)
        };
        let before = parts.len();
        parts.retain(|partition, part| current(*partition, part.epoch));
        if parts.len() < before {
            run.keep(&chunk, &parts);
        }
        self.reject(&chunk, rejected, &parts, log).await?;
        self.apply(&chunk, run, parts, held, log).await
    }

    /// Sends records to the dead letters; returns once all of them are acknowledged.
    async fn reject(
        &self,
        chunk: &Chunk,
        rejected: Vec<Reject>,
        parts: &Parts,
        log: &mut Sparse,
    ) -> Result<(), Stopped> {
        let letters: Vec<_> = rejected
            .into_iter()
            .map(|(index, reason)| (&chunk.records[index as usize], reason))
            .filter(|(record, _)| parts.contains_key(&record.partition))
            .map(|(record, reason)| {
                let Record { partition, offset, .. } = *record;
                self.metrics.rejected(reason.kind());
                if let Some(unnamed) = log.turn() {
                    tracing::warn!(topic = self.topic, partition, offset, %reason, unnamed, "an event was rejected");
                }
                Letter { partition, offset, content: chunk.content(record), reason }
            })
            .collect();
        if self.dead_letters.send(&letters, &self.stop).await { Ok(()) } else { Err(Stopped) }
    }

    /// Applies the writes and stores the offsets. Partitions that have another owner by now are left to that one.
    async fn apply(
        &self,
        chunk: &Chunk,
        run: Run,
        mut parts: Parts,
        held: &mut HashMap<i32, Held>,
        log: &mut Sparse,
    ) -> Result<(), Stopped> {
        let (began, all) = (Instant::now(), parts.len());
        let offsets_only = run.without_writes();
        let mut writes = Some(run);
        for &transaction in self.delivery.transactions() {
            // Runs of the chunk that are not committed yet, the first of them last.
            let mut runs: Vec<Run> = match writes.take_if(|_| transaction.ratings) {
                Some(run) => vec![run],
                None => vec![offsets_only.clone()],
            };
            while let Some(mut run) = runs.pop() {
                if parts.len() < all {
                    run.keep(chunk, &parts);
                }
                match self.commit(transaction, chunk, run, &mut parts, held).await? {
                    Committed::Outcomes(outcomes) if !outcomes.is_empty() => {
                        self.metrics.applied(&outcomes, began.elapsed());
                    }
                    Committed::Outcomes(_) | Committed::Nothing => {}
                    Committed::Refused(run, reason) => match run.only() {
                        Some(record) => {
                            self.reject(chunk, vec![(record, Rejected::refused(reason))], &parts, log)
                                .await?;
                            runs.push(run.without_writes());
                        }
                        None => {
                            let (first, second) = run.split();
                            runs.extend([second, first]);
                        }
                    },
                }
            }
        }
        self.applied(&parts);
        Ok(())
    }

    /// Commits one transaction, retrying until it succeeds or the database refuses it for what it holds.
    async fn commit(
        &self,
        transaction: Transaction,
        chunk: &Chunk,
        mut run: Run,
        parts: &mut Parts,
        held: &mut HashMap<i32, Held>,
    ) -> Result<Committed, Stopped> {
        let mut wait = RETRY.0;
        let mut batch = Arc::new(self.batch(transaction, chunk, &mut run, parts, held));
        while !batch.is_empty() {
            match self.writer.ingest(self.number, Arc::clone(&batch)).await {
                Ok(outcomes) => {
                    self.health.well(Subject::Storage(Some(self.number)));
                    advance(&batch, parts, held);
                    return Ok(Committed::Outcomes(outcomes));
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
                    run.writes = Arc::unwrap_or_clone(batch).writes;
                    run.keep(chunk, parts);
                    batch = Arc::new(self.batch(transaction, chunk, &mut run, parts, held));
                }
                Err(writer::Error::Storage(error)) if error.is_rejection() && !batch.writes.is_empty() => {
                    self.health.well(Subject::Storage(Some(self.number)));
                    run.writes = Arc::unwrap_or_clone(batch).writes;
                    return Ok(Committed::Refused(run, service::chain(&*error)));
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
        Ok(Committed::Nothing)
    }

    /// What `transaction` writes of a run; takes the run's writes.
    fn batch(
        &self,
        transaction: Transaction,
        chunk: &Chunk,
        run: &mut Run,
        parts: &Parts,
        held: &HashMap<i32, Held>,
    ) -> Batch {
        let mut batch = Batch { writes: std::mem::take(&mut run.writes), offsets: Vec::new() };
        if transaction.offsets {
            let cluster = self.cluster.get().cloned().unwrap_or_default();
            let topic = &self.topic;
            batch.offsets.extend(run.steps(chunk, parts).into_iter().map(|(partition, to)| Advance {
                partition: Partition { cluster: cluster.clone(), topic: topic.clone(), partition },
                from: held.get(&partition).and_then(|held| Some(held.stored.as_ref()?.next_offset)),
                to,
            }));
        }
        batch
    }

    /// Reports the partitions' new offsets.
    fn applied(&self, parts: &Parts) {
        for (&partition, Part { epoch, to, .. }) in parts {
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

/// Moves each partition to the offset that `batch` has stored.
fn advance(batch: &Batch, parts: &mut Parts, held: &mut HashMap<i32, Held>) {
    for Advance { partition, to, .. } in &batch.offsets {
        if let Some(part) = parts.get_mut(&partition.partition) {
            part.first = to.next_offset;
        }
        if let Some(held) = held.get_mut(&partition.partition) {
            held.stored = Some(to.clone());
        }
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
