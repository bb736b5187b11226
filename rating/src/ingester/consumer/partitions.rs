//! The partitions that this consumer holds: where each is read, and whether it may be.

mod brokers;
mod commits;
mod ends;
mod pause;
mod reach;
mod stalled;
mod take_up;

use super::stall::{Errors, Stall};
use super::{Consumer, Gathering, RETRY};
use crate::batch::Position;
use crate::ingester::OnLostOffset;
use crate::ingester::chunk::digest;
use crate::ingester::context::{Change, Context};
use crate::ingester::health::{Health, Subject};
use crate::ingester::lane::Feedback;
use crate::ingester::metrics::Metrics;
use crate::ingester::place::{Place, lost};
use crate::ingester::progress::Trouble;
use crate::repository::Positions;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, Offset};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};
use take_up::Waiting;
use tokio::runtime::Handle;

/// Tells one reading of a partition from every other of this process.
static EPOCH: AtomicU64 = AtomicU64::new(1);

/// How long a seek may take at most; librdkafka only queues it.
const SEEK: Duration = Duration::from_secs(5);

/// The partitions of one consumer.
pub(super) struct Partitions<'a> {
    consumer: &'a BaseConsumer<Context>,
    positions: Arc<dyn Positions>,
    runtime: Handle,
    health: Health,
    metrics: Metrics,
    topic: String,
    cluster: String,
    on_lost: OnLostOffset,
    lanes: usize,
    held: HashMap<i32, AssignedPartition>,
    /// The other partitions of this consumer: not read, or not from the right offset.
    waiting: BTreeMap<i32, Waiting>,
    /// What was refused of partitions that are sought again: from the first offset to before the second.
    refused: HashMap<i32, (i64, i64)>,
    commits: BTreeMap<i32, i64>,
    committed: Instant,
    /// When the brokers are next asked where the partitions end.
    ask: Instant,
    /// When the consumer's position was last read.
    reached: Instant,
    /// Where the partitions end, of those whose leader responds.
    ends: HashMap<i32, i64>,
    /// How many chunks each lane has finished.
    chunks: Vec<u64>,
    stalls: HashMap<i32, Stall>,
    stall_timeout: Duration,
    errors: Errors,
    /// When progress was last observed.
    observed: Instant,
    check: Option<Check>,
    /// When partitions were last checked against their stored positions for an error that named none.
    checked: Option<Instant>,
}

/// A partition that is read.
#[derive(Debug)]
struct AssignedPartition {
    epoch: u64,
    /// The first offset when it was last asked for.
    low: i64,
    /// The next offset to read.
    next: i64,
    /// The next offset to apply.
    applied: i64,
    /// The stored position, whose last record must still be the same; `None` once that is checked.
    known: Option<Position>,
    lost: bool,
    /// Whether an error was returned since the last record: the next offset may hold a batch that can't be decoded, so
    /// the next record must not be a later one.
    suspect: bool,
    /// Whether it is to be read from its stored position again, once what is read is applied: it would be dropped, and if
    /// the same error followed it again, never be applied.
    rereads: bool,
}

/// A check of partitions against their stored positions.
#[derive(Debug)]
struct Check {
    at: Instant,
    /// The offsets that were next when it was found necessary: a partition that has moved on needs none.
    next: Vec<(i32, i64)>,
}

impl<'a> Partitions<'a> {
    pub(super) fn new(consumer: &'a BaseConsumer<Context>, from: &Consumer, cluster: String) -> Self {
        Self {
            consumer,
            positions: Arc::clone(&from.positions),
            runtime: from.runtime.clone(),
            health: from.health.clone(),
            metrics: from.metrics.clone(),
            topic: from.config.topic.clone(),
            cluster,
            on_lost: from.config.on_lost_offset,
            lanes: from.lanes.len(),
            held: HashMap::new(),
            waiting: BTreeMap::new(),
            refused: HashMap::new(),
            commits: BTreeMap::new(),
            committed: Instant::now(),
            ask: Instant::now(),
            reached: Instant::now(),
            ends: HashMap::new(),
            chunks: vec![0; from.lanes.len()],
            stalls: HashMap::new(),
            stall_timeout: from.config.ingest_stall_timeout,
            errors: Errors::default(),
            observed: Instant::now(),
            check: None,
            checked: None,
        }
    }

    /// Takes in what a lane has done.
    pub(super) fn hear(&mut self, feedback: Feedback) {
        let current = |partition, epoch| self.held.get(&partition).is_some_and(|held| held.epoch == epoch);
        match feedback {
            Feedback::Applied { partition, epoch, next_offset } if current(partition, epoch) => {
                self.commits.insert(partition, next_offset);
                if let Some(held) = self.held.get_mut(&partition) {
                    held.applied = next_offset;
                }
            }
            Feedback::Room { lane } => self.chunks[lane] += 1,
            Feedback::Fenced { partition, epoch, first } if current(partition, epoch) => {
                if let Some(held) = self.held.get(&partition) {
                    self.refused.insert(partition, (first, held.next));
                }
                self.seek_again(partition);
            }
            _ => {}
        }
    }

    /// Makes a partition be read from its stored position again, checked against what the brokers have.
    fn seek_again(&mut self, partition: i32) {
        self.held.remove(&partition);
        self.waiting.insert(partition, Waiting::new(true, Instant::now()));
    }

    /// Seeks the partitions that are to be read again and whose records are applied.
    fn reread_applied(&mut self) {
        let applied = self.held.iter().filter(|(_, held)| held.rereads && held.applied >= held.next);
        let applied: Vec<i32> = applied.map(|(partition, _)| *partition).collect();
        for partition in applied {
            self.seek_again(partition);
        }
    }

    /// Follows the changes of assignment.
    pub(super) fn change(&mut self, lanes: &mut [Gathering]) {
        for change in self.consumer.context().changes() {
            match change {
                Change::Come(partitions) => {
                    if partitions.is_empty() {
                        self.health.well(Subject::Group);
                    }
                    let waiting = |partition| (partition, Waiting::new(false, Instant::now()));
                    self.waiting.extend(partitions.into_iter().map(waiting));
                }
                Change::Gone(partitions) => {
                    tracing::info!(?partitions, "partitions were revoked");
                    for partition in partitions {
                        self.let_go(partition, lanes);
                    }
                }
            }
        }
    }

    fn let_go(&mut self, partition: i32, lanes: &mut [Gathering]) {
        self.held.remove(&partition);
        self.waiting.remove(&partition);
        self.refused.remove(&partition);
        self.commits.remove(&partition);
        self.health.well(Subject::Offset(partition));
        self.health.well(Subject::Partition(partition));
        self.stalls.remove(&partition);
        self.ends.remove(&partition);
        self.metrics.progress.revoked(partition);
        lanes[self.lane(partition)].chunk.forget(partition);
    }

    fn stands_still(&mut self, partition: i32, reason: &str) {
        self.stalls.remove(&partition);
        self.health.well(Subject::Partition(partition));
        self.metrics.progress.trouble(partition, Some((Trouble::Lost, reason.to_owned())));
        let advice = "restart with --on-lost-offset earliest to read the partition from its beginning";
        let reason = format!("partition {partition} of topic {} is stopped: {reason}; {advice}", self.topic);
        tracing::error!(partition, "{reason}");
        self.health.trouble(Subject::Offset(partition), reason);
    }

    /// Decides on a record: which lane it goes to in which reading, or `None` where it isn't wanted.
    pub(super) fn accept(&mut self, message: &BorrowedMessage<'_>) -> Option<(usize, u64)> {
        let partition = message.partition();
        let held = self.held.get_mut(&partition).filter(|held| !held.lost && !held.rereads)?;
        if let Some(known) = held.known.take()
            && message.offset() == known.last_offset()
        {
            let timestamp = message.timestamp().to_millis().unwrap_or(-1);
            if (timestamp, digest(message.key(), message.payload()))
                != (known.last_timestamp, known.last_digest)
            {
                let reason = format!(
                    "the record at offset {} is not the one that was applied before",
                    message.offset()
                );
                self.lose(partition, reason);
            }
            return None;
        }
        if message.offset() < held.next {
            self.metrics.doubled(1);
            return None;
        }
        if held.suspect && message.offset() > held.next {
            // librdkafka may skip a batch that it can't decode.
            held.rereads = true;
            return None;
        }
        held.suspect = false;
        held.next = message.offset() + 1;
        let epoch = held.epoch;
        Some((self.lane(partition), epoch))
    }

    /// Checks every partition against its stored position again, and reads none of them until then: the topic was
    /// gone, and may be another one now.
    pub(super) fn check_offsets(&mut self) {
        let reading = self.held.iter().filter(|(_, held)| !held.lost);
        let reading: Vec<i32> = reading.map(|(partition, _)| *partition).collect();
        for partition in reading {
            self.seek_again(partition);
        }
    }

    /// Checks soon, at most once a second, every partition that is not read until then: the brokers don't have the next
    /// offset of one, and the error does not say of which.
    pub(super) fn check_offsets_soon(&mut self) {
        if self.check.is_none() {
            let now = Instant::now();
            let at = self.checked.map_or(now, |checked| now.max(checked + RETRY));
            let next = self.held.iter().filter(|(_, held)| !held.lost);
            self.check = Some(Check { at, next: next.map(|(number, held)| (*number, held.next)).collect() });
        }
    }

    /// Makes the check that is due.
    fn check_due(&mut self) {
        let now = Instant::now();
        let Some(check) = self.check.take_if(|check| check.at <= now) else { return };
        self.checked = Some(now);
        for (partition, next) in check.next {
            if let Some(held) = self.held.get_mut(&partition).filter(|held| !held.lost && held.next == next) {
                held.rereads = true;
            }
        }
    }

    fn lose(&mut self, partition: i32, reason: String) {
        let Some(held) = self.held.get_mut(&partition) else { return };
        match lost(reason, self.on_lost) {
            Place::Over(reason) => {
                (held.next, held.applied, held.known) = (held.low, held.low, None);
                tracing::warn!(partition, reason, "reading the partition from its beginning");
                let low = held.low;
                self.restart(partition, low);
                self.seek_to_beginning(partition);
            }
            Place::Lost(reason) => {
                held.lost = true;
                self.stands_still(partition, &reason);
                self.set_paused(&[partition], true);
            }
            Place::At { .. } => {}
        }
    }

    /// Forgets how far a partition was applied: it is read from its first offset, `low`.
    fn restart(&mut self, partition: i32, low: i64) {
        self.metrics.progress.over(partition, low);
        if let Some(stall) = self.stalls.get_mut(&partition) {
            stall.restart(Instant::now());
        }
    }

    fn seek_to_beginning(&mut self, partition: i32) {
        if let Err(error) = self.consumer.seek(&self.topic, partition, Offset::Beginning, SEEK) {
            tracing::warn!(partition, %error, "seek");
            // What comes next is not from the beginning.
            self.seek_again(partition);
        }
    }

    /// Commits what is applied before the consumer leaves the group.
    pub(super) fn leave(mut self) {
        if !self.commits.is_empty() {
            self.commit_now();
        }
    }

    fn lane(&self, partition: i32) -> usize {
        usize::try_from(partition).unwrap_or(0) % self.lanes
    }
}
