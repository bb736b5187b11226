//! The task of a lane: decodes a chunk, sends invalid records to the dead letters, and applies the others together
//! with the new positions of their partitions. Writes that the database rejects go to the dead letters as well.

mod decoded;
mod log_rate_limit;

use super::chunk::{Chunk, KafkaRecord, Reached, Start};
use super::dead_letters::{DeadLetters, Letter};
use super::decode::Rejected;
use super::delivery::{Delivery, Transaction};
use super::health::{Health, Subject};
use super::metrics::Metrics;
use super::traced;
use crate::batch::{Advance, Batch, Outcome, Partition, Position};
use crate::writer::{self, Writer};
use decoded::{Decoded, Part, Parts, Reject, Run};
use log_rate_limit::LogRateLimit;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;
use trace::{Span, SpanKind};

/// The first and the longest delay before a batch is retried.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// How many rejected records a lane logs per second.
const LOGGED_PER_SECOND: u32 = 5;

/// A message from a lane to the consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feedback {
    /// A partition has been applied up to an offset.
    Applied { partition: i32, epoch: u64, next_offset: i64 },
    /// The stored position of a partition is not the expected one: the consumer must start it again.
    Fenced {
        partition: i32,
        epoch: u64,
        /// The first offset of the rejected batch.
        first: i64,
    },
    /// A chunk is finished.
    Finished { lane: usize },
}

/// A lane and what it works with.
pub(super) struct LaneTask {
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

/// The state of a partition in this lane.
#[derive(Clone, Debug)]
struct LanePartition {
    epoch: u64,
    /// The stored position.
    stored: Option<Position>,
    fenced: bool,
}

/// A chunk, and the permit that limits how many chunks a lane has.
#[derive(Debug)]
pub(super) struct ChunkWithPermit {
    pub(super) chunk: Chunk,
    /// Released once the chunk is applied.
    pub(super) permit: OwnedSemaphorePermit,
}

/// The result of a transaction.
enum Committed {
    /// It is committed, with these outcomes.
    Outcomes(Vec<Outcome>),
    /// There was nothing left to commit.
    Nothing,
    /// The database rejects at least one of its writes.
    Rejected(Run, String),
}

/// The service is stopping.
struct Stopped;

impl LaneTask {
    /// Applies chunks until the channel is closed or the service stops. While one chunk is applied, the next is
    /// decoded.
    pub(super) async fn run(self, mut chunks: UnboundedReceiver<ChunkWithPermit>) {
        let mut partitions = HashMap::new();
        let mut log = LogRateLimit::new(LOGGED_PER_SECOND);
        let mut next = Self::decode_next(&mut chunks).await;
        while let Some((decoded, permit)) = next {
            let worked = async {
                let span = decoded.chunk.work("ingest batch");
                let worked = span.run(self.work(decoded, &mut partitions, &mut log)).await;
                drop(span);
                drop(permit);
                // The consumer may have terminated.
                let _ = self.feedback.send(Feedback::Finished { lane: self.number });
                worked
            };
            let (worked, following) = tokio::join!(worked, Self::decode_next(&mut chunks));
            if worked.is_err() {
                return;
            }
            next = following;
        }
    }

    /// Waits for a chunk and decodes it; `None` once the channel is closed.
    async fn decode_next(
        chunks: &mut UnboundedReceiver<ChunkWithPermit>,
    ) -> Option<(Decoded, OwnedSemaphorePermit)> {
        let ChunkWithPermit { chunk, permit } = chunks.recv().await?;
        let decoded = tokio::task::spawn_blocking(move || Decoded::of(chunk)).await.ok()?;
        Some((decoded, permit))
    }

    async fn work(
        &self,
        decoded: Decoded,
        partitions: &mut HashMap<i32, LanePartition>,
        log: &mut LogRateLimit,
    ) -> Result<(), Stopped> {
        let Decoded { chunk, mut run, mut parts, rejected } = decoded;
        for Start { partition, epoch, stored } in &chunk.starts {
            partitions
                .insert(*partition, LanePartition { epoch: *epoch, stored: stored.clone(), fenced: false });
        }
        for &reached in &chunk.reached {
            skip(&mut parts, partitions, reached);
        }
        let current = |partition, epoch| {
            partitions
                .get(&partition)
                .is_some_and(|known: &LanePartition| !known.fenced && known.epoch == epoch)
        };
        let before = parts.len();
        parts.retain(|partition, part| current(*partition, part.epoch));
        if parts.len() < before {
            run.keep(&chunk, &parts);
        }
        for (partition, part) in &parts {
            self.metrics.progress.applying(*partition, part.first_timestamp);
        }
        self.reject(&chunk, rejected, &parts, log).await?;
        self.apply(&chunk, run, parts, partitions, log).await
    }

    /// Sends records to the dead letters and waits until all are acknowledged.
    async fn reject(
        &self,
        chunk: &Chunk,
        rejected: Vec<Reject>,
        parts: &Parts,
        log: &mut LogRateLimit,
    ) -> Result<(), Stopped> {
        let mut spans = Vec::new();
        let letters: Vec<_> = rejected
            .into_iter()
            .map(|(index, reason)| (&chunk.records[index as usize], reason))
            .filter(|(record, _)| parts.contains_key(&record.partition))
            .map(|(record, reason)| {
                let KafkaRecord { partition, offset, .. } = *record;
                self.metrics.rejected(reason.kind());
                if let Some(suppressed) = log.acquire() {
                    tracing::warn!(topic = self.topic, partition, offset, %reason, suppressed, "an event was rejected");
                }
                spans.extend(chunk.span(record).map(|event| self.letter_span(event, &reason)));
                let trace = chunk.trace_headers(record);
                Letter { partition, offset, content: chunk.content(record), trace, reason }
            })
            .collect();
        let sent = self.dead_letters.send(&letters, &self.stop).await;
        spans.iter().filter(|_| !sent).for_each(|span| span.fail("the service is stopping"));
        if sent { Ok(()) } else { Err(Stopped) }
    }

    /// Starts the span of a dead letter, and records in that of its `event` why it is rejected.
    fn letter_span(&self, event: &Span, reason: &Rejected) -> Span {
        event.set("error.type", reason.kind());
        event.fail(reason.to_string());
        let span = event.child("send", SpanKind::Producer);
        traced::describe(&span, "send", self.dead_letters.topic());
        span.set("marquee.rejected", reason.to_string());
        span
    }

    /// Applies the writes and stores the positions. Skips partitions that have another owner meanwhile.
    async fn apply(
        &self,
        chunk: &Chunk,
        run: Run,
        mut parts: Parts,
        partitions: &mut HashMap<i32, LanePartition>,
        log: &mut LogRateLimit,
    ) -> Result<(), Stopped> {
        let (began, all) = (Instant::now(), parts.len());
        let offsets_only = run.without_writes();
        let mut writes = Some(run);
        for &transaction in self.delivery.transactions() {
            // The uncommitted runs of the chunk, the first one last.
            let mut runs: Vec<Run> = match writes.take_if(|_| transaction.ratings) {
                Some(run) => vec![run],
                None => vec![offsets_only.clone()],
            };
            while let Some(mut run) = runs.pop() {
                if parts.len() < all {
                    run.keep(chunk, &parts);
                }
                match self.commit(transaction, chunk, run, &mut parts, partitions).await? {
                    Committed::Outcomes(outcomes) if !outcomes.is_empty() => {
                        self.metrics.applied(&outcomes, began.elapsed());
                    }
                    Committed::Outcomes(_) | Committed::Nothing => {}
                    Committed::Rejected(run, reason) => match run.only() {
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

    /// Commits one transaction; retries until it succeeds or the database rejects a value in it.
    async fn commit(
        &self,
        transaction: Transaction,
        chunk: &Chunk,
        mut run: Run,
        parts: &mut Parts,
        partitions: &mut HashMap<i32, LanePartition>,
    ) -> Result<Committed, Stopped> {
        let mut wait = RETRY.0;
        let mut batch = Arc::new(self.batch(transaction, chunk, &mut run, parts, partitions));
        while !batch.is_empty() {
            match self.writer.ingest(self.number, Arc::clone(&batch)).await {
                Ok(outcomes) => {
                    self.health.resolve(Subject::Storage(Some(self.number)));
                    advance(&batch, parts, partitions);
                    return Ok(Committed::Outcomes(outcomes));
                }
                Err(writer::Error::Fenced(fenced)) => {
                    let partition = fenced.partition;
                    // The database responded, and this lane may have no other batch that would clear an earlier
                    // failure.
                    self.health.resolve(Subject::Storage(Some(self.number)));
                    self.metrics.fenced();
                    tracing::warn!(partition, "the partition's stored offset was moved by another owner");
                    if let (Some(part), Some(known)) =
                        (parts.remove(&partition), partitions.get_mut(&partition))
                    {
                        known.fenced = true;
                        let Part { epoch, first, .. } = part;
                        let _ = self.feedback.send(Feedback::Fenced { partition, epoch, first });
                    }
                    run.writes = Arc::unwrap_or_clone(batch).writes;
                    run.keep(chunk, parts);
                    batch = Arc::new(self.batch(transaction, chunk, &mut run, parts, partitions));
                }
                Err(writer::Error::Storage(error)) if error.is_rejection() && !batch.writes.is_empty() => {
                    self.health.resolve(Subject::Storage(Some(self.number)));
                    run.writes = Arc::unwrap_or_clone(batch).writes;
                    return Ok(Committed::Rejected(run, service::chain(&*error)));
                }
                Err(writer::Error::Storage(error)) => {
                    let reason = format!("ratings can't be stored: {}", service::chain(&*error));
                    self.health.report(Subject::Storage(Some(self.number)), reason);
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

    /// Returns what `transaction` writes of a run; takes the run's writes.
    fn batch(
        &self,
        transaction: Transaction,
        chunk: &Chunk,
        run: &mut Run,
        parts: &Parts,
        partitions: &HashMap<i32, LanePartition>,
    ) -> Batch {
        let mut batch = Batch { writes: std::mem::take(&mut run.writes), offsets: Vec::new() };
        if transaction.offsets {
            let cluster = self.cluster.get().cloned().unwrap_or_default();
            let topic = &self.topic;
            batch.offsets.extend(run.positions(chunk, parts).into_iter().map(|(partition, to)| Advance {
                partition: Partition { cluster: cluster.clone(), topic: topic.clone(), partition },
                from: partitions.get(&partition).and_then(|known| Some(known.stored.as_ref()?.next_offset)),
                to,
            }));
        }
        batch
    }

    /// Reports the new offsets of the partitions.
    fn applied(&self, parts: &Parts) {
        for (&partition, Part { epoch, to, .. }) in parts {
            self.metrics.progress.applied(partition, to);
            let next_offset = to.next_offset;
            let _ = self.feedback.send(Feedback::Applied { partition, epoch: *epoch, next_offset });
        }
    }
}

/// Advances the new position of a partition past offsets without an event.
fn skip(parts: &mut Parts, partitions: &HashMap<i32, LanePartition>, reached: Reached) {
    let Reached { partition, epoch, next } = reached;
    let Some(known) = partitions.get(&partition).filter(|known| known.epoch == epoch) else { return };
    let part = parts.entry(partition).or_insert_with(|| {
        let nothing_read = Position { next_offset: 0, skipped: 0, last_timestamp: -1, last_digest: 0 };
        let to = known.stored.clone().unwrap_or(nothing_read);
        Part { epoch, first: to.next_offset, first_timestamp: -1, to }
    });
    part.to.skip_to(next);
}

/// Records the positions that `batch` has stored.
fn advance(batch: &Batch, parts: &mut Parts, partitions: &mut HashMap<i32, LanePartition>) {
    for Advance { partition, to, .. } in &batch.offsets {
        if let Some(part) = parts.get_mut(&partition.partition) {
            part.first = to.next_offset;
        }
        if let Some(known) = partitions.get_mut(&partition.partition) {
            known.stored = Some(to.clone());
        }
    }
}
