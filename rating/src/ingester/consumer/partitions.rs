//! The partitions of one consumer, and the protocol by which each is read.
//!
//! A partition is *pending* (assigned by the group, but not read, or not from the right offset), *being read*, or
//! *lost* (its stored offset does not belong to the topic; it stays paused until it is assigned again). Each
//! transition to *being read* starts a new *epoch*. All state lives on the consumer thread; lanes report by
//! messages that carry their epoch.
//!
//! Invariants:
//!
//! 1. **The database decides.** A reading starts at the position stored in the database, checked against the offsets of the
//!    brokers (`start_offset.rs`). Offsets committed to Kafka are only for its tools.
//! 2. **The topic is verified.** If the last applied record still exists, it is read first and its timestamp and digest are
//!    compared with the stored ones. If they differ, the partition is lost: the topic was replaced.
//! 3. **One epoch at a time.** Records, feedback and chunks of an earlier epoch are dropped. Starting a reading removes the
//!    partition's records from the chunk that is being filled, and passes the stored position to the lane with the new epoch.
//! 4. **No gap.** Offsets are accepted in ascending order: a lower one is a duplicate and is dropped; a higher one is accepted
//!    only if no error was returned since the last record (`suspect`). Otherwise a batch may have been skipped, and the
//!    partition is read again from its stored position, once everything that was read is applied (`rereads`).
//! 5. **Offsets without events count.** Markers, aborted records and compacted gaps advance the position too
//!    (`consumed.rs`), or they would show as lag, and as lost once the broker deletes them.
//! 6. **A fence is not an error.** A lane whose expected position does not match another owner's reports `Fenced`; the
//!    partition becomes pending and starts from what the other owner has stored.
//! 7. **One partition blocks no other.** What fails for one partition is retried for that partition alone, with a growing
//!    delay; only a failure to reach the store or any broker delays all.
//! 8. **A revoked partition leaves no trace:** no state, no records in a chunk, no trouble and no metrics.

mod brokers;
mod commits;
mod consumed;
mod ends;
mod pause;
mod stalled;
mod start;
mod state;

use super::chunk_builder::ChunkBuilder;
use super::resources::Resources;
use super::stall::{Errors, Stall};
use crate::ingester::chunk::digest;
use crate::ingester::context::{Change, Context};
use crate::ingester::health::Subject;
use crate::ingester::lane::Feedback;
use crate::ingester::progress::Trouble;
use crate::ingester::start_offset::{StartOffset, lost};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, Offset};
use state::{AssignedPartition, PendingPartition};
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

/// The time limit of a seek; librdkafka only queues it.
const SEEK: Duration = Duration::from_secs(5);

/// The shortest time between two checks of all partitions.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// The partitions of one consumer.
pub(super) struct Partitions<'a> {
    consumer: &'a BaseConsumer<Context>,
    resources: Resources,
    cluster: String,
    /// The number of lanes.
    lanes: usize,
    reading: HashMap<i32, AssignedPartition>,
    pending: BTreeMap<i32, PendingPartition>,
    /// The rejected offsets of partitions that were fenced: from the first offset to before the second.
    fenced: HashMap<i32, (i64, i64)>,
    /// Offsets to commit to Kafka.
    commits: BTreeMap<i32, i64>,
    committed_at: Instant,
    /// When the end offsets are next read from the brokers.
    next_ends: Instant,
    /// When the consumer's positions were last read.
    positions_at: Instant,
    /// The end offsets of the partitions whose leader responds.
    ends: HashMap<i32, i64>,
    /// The number of chunks that each lane has finished.
    finished_chunks: Vec<u64>,
    stalls: HashMap<i32, Stall>,
    errors: Errors,
    /// When progress was last checked.
    stalls_at: Instant,
    check: Option<Check>,
    /// When partitions were last checked because of an error that named none.
    checked_at: Option<Instant>,
}

/// A planned check of partitions against their stored positions.
#[derive(Debug)]
struct Check {
    at: Instant,
    /// The next offsets when the check was planned: a partition that has advanced since needs none.
    next: Vec<(i32, i64)>,
}

impl<'a> Partitions<'a> {
    /// Returns a consumer's partitions, of which none is assigned yet.
    pub(super) fn new(
        consumer: &'a BaseConsumer<Context>,
        resources: &Resources,
        cluster: String,
        lanes: usize,
    ) -> Self {
        let now = Instant::now();
        Self {
            consumer,
            resources: resources.clone(),
            cluster,
            lanes,
            reading: HashMap::new(),
            pending: BTreeMap::new(),
            fenced: HashMap::new(),
            commits: BTreeMap::new(),
            committed_at: now,
            next_ends: now,
            positions_at: now,
            ends: HashMap::new(),
            finished_chunks: vec![0; lanes],
            stalls: HashMap::new(),
            errors: Errors::default(),
            stalls_at: now,
            check: None,
            checked_at: None,
        }
    }

    /// Handles a message from a lane.
    pub(super) fn handle(&mut self, feedback: Feedback) {
        let current = |partition, epoch| self.reading.get(&partition).is_some_and(|read| read.epoch == epoch);
        match feedback {
            Feedback::Applied { partition, epoch, next_offset } if current(partition, epoch) => {
                self.commits.insert(partition, next_offset);
                if let Some(read) = self.reading.get_mut(&partition) {
                    read.applied = next_offset;
                }
            }
            Feedback::Finished { lane } => self.finished_chunks[lane] += 1,
            Feedback::Fenced { partition, epoch, first } if current(partition, epoch) => {
                if let Some(read) = self.reading.get(&partition) {
                    self.fenced.insert(partition, (first, read.next));
                }
                self.read_again(partition);
            }
            _ => {}
        }
    }

    /// Makes a partition pending, so that its reading starts again from the stored position.
    fn read_again(&mut self, partition: i32) {
        self.reading.remove(&partition);
        self.pending.insert(partition, PendingPartition::new(true, Instant::now()));
    }

    /// Makes the partitions pending that must be read again and whose records are applied.
    fn read_marked_again(&mut self) {
        let applied = self.reading.iter().filter(|(_, read)| read.rereads && read.applied >= read.next);
        let applied: Vec<i32> = applied.map(|(partition, _)| *partition).collect();
        for partition in applied {
            self.read_again(partition);
        }
    }

    /// Applies the changes of the assignment.
    pub(super) fn follow_rebalances(&mut self, lanes: &mut [ChunkBuilder]) {
        for change in self.consumer.context().take_changes() {
            match change {
                Change::Assigned(partitions) => {
                    if partitions.is_empty() {
                        self.resources.health.resolve(Subject::Group);
                    }
                    let waiting = |partition| (partition, PendingPartition::new(false, Instant::now()));
                    self.pending.extend(partitions.into_iter().map(waiting));
                }
                Change::Revoked(partitions) => {
                    tracing::info!(?partitions, "partitions were revoked");
                    for partition in partitions {
                        self.revoke(partition, lanes);
                    }
                }
            }
        }
    }

    fn revoke(&mut self, partition: i32, lanes: &mut [ChunkBuilder]) {
        self.reading.remove(&partition);
        self.pending.remove(&partition);
        self.fenced.remove(&partition);
        self.commits.remove(&partition);
        self.resources.health.resolve(Subject::Offset(partition));
        self.resources.health.resolve(Subject::Partition(partition));
        self.stalls.remove(&partition);
        self.ends.remove(&partition);
        self.resources.metrics.progress.revoked(partition);
        lanes[self.lane(partition)].chunk.remove(partition);
    }

    fn report_lost(&mut self, partition: i32, reason: &str) {
        self.stalls.remove(&partition);
        self.resources.health.resolve(Subject::Partition(partition));
        self.resources.metrics.progress.trouble(partition, Some((Trouble::Lost, reason.to_owned())));
        let advice = "restart with --on-lost-offset earliest to read the partition from its beginning";
        let reason =
            format!("partition {partition} of topic {} is stopped: {reason}; {advice}", self.topic());
        tracing::error!(partition, "{reason}");
        self.resources.health.report(Subject::Offset(partition), reason);
    }

    /// Returns the lane and the epoch of a record; `None` if the record must be dropped.
    pub(super) fn accept(&mut self, message: &BorrowedMessage<'_>) -> Option<(usize, u64)> {
        let partition = message.partition();
        let read = self.reading.get_mut(&partition).filter(|read| !read.lost && !read.rereads)?;
        if let Some(position) = read.unverified.take()
            && message.offset() == position.last_offset()
        {
            let timestamp = message.timestamp().to_millis().unwrap_or(-1);
            if (timestamp, digest(message.key(), message.payload()))
                != (position.last_timestamp, position.last_digest)
            {
                let reason = format!(
                    "the record at offset {} is not the one that was applied before",
                    message.offset()
                );
                self.lose(partition, reason);
            }
            return None;
        }
        if message.offset() < read.next {
            self.resources.metrics.doubled(1);
            return None;
        }
        if read.suspect && message.offset() > read.next {
            // librdkafka may have skipped a batch that it can't decode.
            read.rereads = true;
            return None;
        }
        read.suspect = false;
        read.next = message.offset() + 1;
        let epoch = read.epoch;
        Some((self.lane(partition), epoch))
    }

    /// Checks every partition against its stored position, and stops reading them until then: the topic was
    /// missing, and may be another one when it is back.
    pub(super) fn check_offsets(&mut self) {
        let reading = self.reading.iter().filter(|(_, read)| !read.lost);
        let reading: Vec<i32> = reading.map(|(partition, _)| *partition).collect();
        for partition in reading {
            self.read_again(partition);
        }
    }

    /// Plans a check of every partition that makes no progress until then: the brokers do not have the next offset
    /// of one of them, and the error does not name it.
    pub(super) fn check_offsets_soon(&mut self) {
        if self.check.is_none() {
            let now = Instant::now();
            let at = self.checked_at.map_or(now, |checked_at| now.max(checked_at + CHECK_EVERY));
            let next = self.reading.iter().filter(|(_, read)| !read.lost);
            self.check = Some(Check { at, next: next.map(|(number, read)| (*number, read.next)).collect() });
        }
    }

    /// Runs the planned check, if it is due.
    fn check_due(&mut self) {
        let now = Instant::now();
        let Some(check) = self.check.take_if(|check| check.at <= now) else { return };
        self.checked_at = Some(now);
        for (partition, next) in check.next {
            if let Some(read) =
                self.reading.get_mut(&partition).filter(|read| !read.lost && read.next == next)
            {
                read.rereads = true;
            }
        }
    }

    fn lose(&mut self, partition: i32, reason: String) {
        let Some(read) = self.reading.get_mut(&partition) else { return };
        match lost(reason, self.resources.config.on_lost_offset) {
            StartOffset::Beginning(reason) => {
                (read.next, read.applied, read.unverified) = (read.low, read.low, None);
                tracing::warn!(partition, reason, "reading the partition from its beginning");
                let low = read.low;
                self.restart(partition, low);
                self.seek_to_beginning(partition);
            }
            StartOffset::Lost(reason) => {
                read.lost = true;
                self.report_lost(partition, &reason);
                self.set_paused(&[partition], true);
            }
            StartOffset::At { .. } => {}
        }
    }

    /// Resets the progress of a partition: it is read from its first offset, `low`.
    fn restart(&mut self, partition: i32, low: i64) {
        self.resources.metrics.progress.restart(partition, low);
        if let Some(stall) = self.stalls.get_mut(&partition) {
            stall.restart(Instant::now());
        }
    }

    fn seek_to_beginning(&mut self, partition: i32) {
        if let Err(error) = self.consumer.seek(self.topic(), partition, Offset::Beginning, SEEK) {
            tracing::warn!(partition, %error, "seek");
            // The next record is not from the beginning.
            self.read_again(partition);
        }
    }

    /// Commits the applied offsets to Kafka, before the consumer leaves the group.
    pub(super) fn leave(mut self) {
        if !self.commits.is_empty() {
            self.commit_now();
        }
    }

    fn topic(&self) -> &str {
        &self.resources.config.topic
    }

    fn lane(&self, partition: i32) -> usize {
        usize::try_from(partition).unwrap_or(0) % self.lanes
    }
}
