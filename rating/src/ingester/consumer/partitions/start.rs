//! Starts reading partitions: each from its stored position, checked against the offsets of the brokers. One that
//! cannot be read is retried alone.

use super::super::chunk_builder::ChunkBuilder;
use super::super::stall::Stall;
use super::state::AssignedPartition;
use super::{Partitions, SEEK};
use crate::batch::Position;
use crate::ingester::chunk::Start;
use crate::ingester::health::Subject;
use crate::ingester::progress::{PartitionProgress, Trouble};
use crate::ingester::start_offset::{StartOffset, lost, start_offset};
use crate::repository;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The next epoch, unique in this process.
static EPOCH: AtomicU64 = AtomicU64::new(1);

/// The delay before all pending partitions are retried.
const RETRY: Duration = Duration::from_secs(1);

/// What the store has of the topic.
struct Stored {
    positions: HashMap<i32, Position>,
    /// The clusters with stored positions, if this one has none.
    elsewhere: Vec<String>,
}

impl Stored {
    fn read_elsewhere(&self, cluster: &str) -> Option<String> {
        (!self.elsewhere.is_empty()).then(|| {
            let others = self.elsewhere.join(" and ");
            format!("it was read from cluster {others} before, but these brokers belong to cluster {cluster}")
        })
    }
}

impl Partitions<'_> {
    /// Starts the pending partitions that are due: the new ones, and those that are read from the wrong offset.
    pub(in crate::ingester::consumer) fn start_pending(&mut self, lanes: &mut [ChunkBuilder]) {
        self.check_due();
        self.read_marked_again();
        let now = Instant::now();
        let due = self.pending.iter().filter(|(_, pending)| pending.next_try <= now);
        let due: Vec<i32> = due.map(|(partition, _)| *partition).collect();
        if due.is_empty() {
            return;
        }
        let stored = match self.resources.runtime.block_on(self.stored()) {
            Ok(stored) => stored,
            Err(error) => {
                let reason = format!("the stored offsets can't be read: {}", service::chain(&error));
                self.resources.health.report(Subject::Storage(None), reason);
                return self.retry_soon(&due);
            }
        };
        self.resources.health.resolve(Subject::Storage(None));
        let watermarks = match self.watermarks(&due) {
            Ok(watermarks) => watermarks,
            Err(error) => {
                // An error that the poll returned is more precise.
                if !self.resources.health.has_trouble(Subject::Topic) {
                    let reason = format!("the offsets of topic {} can't be read: {error}", self.topic());
                    self.resources.health.report(Subject::Topic, reason);
                }
                return self.retry_soon(&due);
            }
        };
        self.resources.health.resolve(Subject::Topic);
        let mut assigned = TopicPartitionList::new();
        let mut begun = Vec::new();
        for (partition, watermarks) in watermarks {
            let started = watermarks
                .and_then(|watermarks| self.start(partition, &stored, watermarks, lanes, &mut assigned));
            match started {
                Ok(()) => begun.push(partition),
                Err(reason) => self.unreadable(partition, &stored, reason),
            }
        }
        self.assign(&assigned, &mut begun, &stored);
        for partition in &begun {
            self.pending.remove(partition);
            if !self.stalls.get(partition).is_some_and(|stall| stall.reported) {
                self.resources.health.resolve(Subject::Partition(*partition));
            }
        }
        // librdkafka remembers a pause for its lifetime, even while another member owns the partition.
        self.set_paused(&begun, false);
        self.pause_blocked(lanes);
        self.resources.health.resolve(Subject::Group);
    }

    async fn stored(&self) -> Result<Stored, repository::Error> {
        let positions = self.resources.positions.positions(&self.cluster, self.topic()).await?;
        let elsewhere = if positions.is_empty() {
            self.resources.positions.clusters(self.topic()).await?
        } else {
            vec![]
        };
        Ok(Stored { positions: positions.into_iter().collect(), elsewhere })
    }

    /// Starts a partition whose offsets are known: seeks it, or adds it to the list that is `assigned` next.
    fn start(
        &mut self,
        partition: i32,
        stored: &Stored,
        (low, high): (i64, i64),
        lanes: &mut [ChunkBuilder],
        assigned: &mut TopicPartitionList,
    ) -> Result<(), String> {
        let position = stored.positions.get(&partition);
        let start = match stored.read_elsewhere(&self.cluster) {
            Some(reason) => lost(reason, self.resources.config.on_lost_offset),
            None => start_offset(position, low, high, self.resources.config.on_lost_offset),
        };
        let reading = PartitionProgress::begin(self.lane(partition), position, (low, high));
        self.resources.metrics.progress.begin(partition, reading);
        self.ends.insert(partition, high);
        let offset = self.begin(partition, position, start, low, lanes);
        if self.pending.get(&partition).is_some_and(|pending| pending.assigned) {
            let Err(error) = self.consumer.seek(self.topic(), partition, offset, SEEK) else {
                return Ok(());
            };
            // librdkafka does not seek a partition that it has stopped reading because its offset was out of range.
            tracing::debug!(partition, %error, "assigning the partition again");
            self.unassign(partition).map_err(|error| error.to_string())?;
        }
        assigned.add_partition_offset(self.topic(), partition, offset).map_err(|error| error.to_string())
    }

    fn unassign(&mut self, partition: i32) -> Result<(), KafkaError> {
        let mut list = TopicPartitionList::new();
        list.add_partition(self.topic(), partition);
        self.consumer.incremental_unassign(&list)?;
        if let Some(pending) = self.pending.get_mut(&partition) {
            pending.assigned = false;
        }
        Ok(())
    }

    /// Adds partitions to the assignment. Removes those that cannot be added from `begun`.
    fn assign(&mut self, assigned: &TopicPartitionList, begun: &mut Vec<i32>, stored: &Stored) {
        let partitions: Vec<i32> = assigned.elements().iter().map(|added| added.partition()).collect();
        if partitions.is_empty() {
            return;
        }
        match self.consumer.incremental_assign(assigned) {
            Ok(()) => tracing::info!(?partitions, "partitions were assigned"),
            Err(error) => {
                begun.retain(|partition| !partitions.contains(partition));
                for partition in partitions {
                    self.unreadable(partition, stored, format!("it can't be assigned: {error}"));
                }
            }
        }
    }

    /// Reports a partition that cannot be read, and delays its next try.
    fn unreadable(&mut self, partition: i32, stored: &Stored, reason: String) {
        self.reading.remove(&partition);
        self.stalls.remove(&partition);
        if let Some(pending) = self.pending.get_mut(&partition) {
            pending.postpone();
        }
        let position = stored.positions.get(&partition);
        let next = position.map_or(0, |position| position.next_offset);
        let mut progress = PartitionProgress::begin(self.lane(partition), position, (next, next));
        progress.trouble = Some((Trouble::Unreadable, reason.clone()));
        self.resources.metrics.progress.begin(partition, progress);
        let reason = format!("partition {partition} of topic {} can't be read: {reason}", self.topic());
        self.resources.health.report(Subject::Partition(partition), reason);
    }

    /// Delays all partitions of `due`, because the failure concerns all of them.
    fn retry_soon(&mut self, due: &[i32]) {
        let next_try = Instant::now() + RETRY;
        for partition in due {
            if let Some(pending) = self.pending.get_mut(partition) {
                pending.next_try = next_try;
            }
        }
    }

    /// Begins a new reading of a partition; returns the offset to read from.
    fn begin(
        &mut self,
        partition: i32,
        stored: Option<&Position>,
        start: StartOffset,
        low: i64,
        lanes: &mut [ChunkBuilder],
    ) -> Offset {
        let epoch = EPOCH.fetch_add(1, Ordering::Relaxed);
        let from = stored.map(|position| position.next_offset);
        let next = from.unwrap_or(low);
        let stall = self.stalls.entry(partition).or_insert_with(|| Stall::new(Instant::now()));
        if stall.is_beyond(next) {
            // The stored position went back: events are applied again.
            stall.restart(Instant::now());
        }
        let read = |next, unverified, lost| AssignedPartition {
            epoch,
            low,
            next,
            applied: next,
            unverified,
            lost,
            suspect: false,
            rereads: false,
        };
        let chunk = &mut lanes[self.lane(partition)].chunk;
        chunk.remove(partition);
        chunk.starts.push(Start { partition, epoch, stored: stored.cloned() });
        if let Some((first, next)) = self.fenced.remove(&partition) {
            let past = from.unwrap_or(0).min(next);
            self.resources.metrics.doubled(u64::try_from(past - first).unwrap_or(0));
        }
        let (offset, read) = match start {
            StartOffset::At { offset, unverified } => (offset, read(next, unverified, false)),
            StartOffset::Beginning(reason) => {
                tracing::warn!(partition, reason, "reading the partition from its beginning");
                self.restart(partition, low);
                (Offset::Beginning, read(low, None, false))
            }
            StartOffset::Lost(reason) => {
                self.report_lost(partition, &reason);
                (Offset::Beginning, read(low, None, true))
            }
        };
        self.reading.insert(partition, read);
        offset
    }
}
