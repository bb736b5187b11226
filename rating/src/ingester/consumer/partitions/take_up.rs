//! How partitions begin to be read: each from its stored position, checked against what the brokers have. One that
//! can't be read is retried alone.

use super::super::stall::Stall;
use super::super::{Gathering, RETRY};
use super::{AssignedPartition, EPOCH, Partitions, SEEK};
use crate::batch::Position;
use crate::ingester::chunk::Start;
use crate::ingester::health::Subject;
use crate::ingester::place::{Place, lost, place};
use crate::ingester::progress::{PartitionProgress, Trouble};
use crate::repository;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The longest wait before an unreadable partition is retried.
const LONGEST_RETRY: Duration = Duration::from_secs(10);

/// A partition of this consumer that is not read, or not from the right offset.
#[derive(Debug)]
pub(super) struct Waiting {
    /// Whether it is part of the assignment, so that it is sought instead of assigned.
    assigned: bool,
    next_try: Instant,
    wait: Duration,
}

impl Waiting {
    /// A partition that is tried at `next_try`.
    pub(super) const fn new(assigned: bool, next_try: Instant) -> Self {
        Self { assigned, next_try, wait: RETRY }
    }

    /// Delays the next try, twice as long as the last time.
    fn postpone(&mut self) {
        self.next_try = Instant::now() + self.wait;
        self.wait = (self.wait * 2).min(LONGEST_RETRY);
    }
}

/// What the database knows of the topic.
struct Stored {
    positions: HashMap<i32, Position>,
    /// The clusters that the topic was read from, if this one is none of them.
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
    /// Begins to read the partitions that wait and are due, each from its stored position: those that came, and those
    /// that are read from the wrong offset.
    pub(in crate::ingester::consumer) fn take_up(&mut self, lanes: &mut [Gathering]) {
        self.check_due();
        self.reread_applied();
        let now = Instant::now();
        let due = self.waiting.iter().filter(|(_, waiting)| waiting.next_try <= now);
        let due: Vec<i32> = due.map(|(partition, _)| *partition).collect();
        if due.is_empty() {
            return;
        }
        let stored = match self.runtime.block_on(self.stored()) {
            Ok(stored) => stored,
            Err(error) => {
                let reason = format!("the stored offsets can't be read: {}", service::chain(&error));
                self.health.trouble(Subject::Storage(None), reason);
                return self.retry_soon(&due);
            }
        };
        self.health.well(Subject::Storage(None));
        let watermarks = match self.watermarks(&due) {
            Ok(watermarks) => watermarks,
            Err(error) => {
                // An error that the poll returned says more.
                if !self.health.is_troubled(Subject::Topic) {
                    let reason = format!("the offsets of topic {} can't be read: {error}", self.topic);
                    self.health.trouble(Subject::Topic, reason);
                }
                return self.retry_soon(&due);
            }
        };
        self.health.well(Subject::Topic);
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
            self.waiting.remove(partition);
            if !self.stalls.get(partition).is_some_and(|stall| stall.reported) {
                self.health.well(Subject::Partition(*partition));
            }
        }
        // librdkafka remembers a pause for as long as it lives, also while the partition is another member's.
        self.set_paused(&begun, false);
        self.hold_back(lanes);
        self.health.well(Subject::Group);
    }

    async fn stored(&self) -> Result<Stored, repository::Error> {
        let positions = self.positions.positions(&self.cluster, &self.topic).await?;
        let elsewhere =
            if positions.is_empty() { self.positions.clusters(&self.topic).await? } else { vec![] };
        Ok(Stored { positions: positions.into_iter().collect(), elsewhere })
    }

    /// Begins a partition whose offsets are known: seeks it, or adds it to what is `assigned` next.
    fn start(
        &mut self,
        partition: i32,
        stored: &Stored,
        (low, high): (i64, i64),
        lanes: &mut [Gathering],
        assigned: &mut TopicPartitionList,
    ) -> Result<(), String> {
        let position = stored.positions.get(&partition);
        let place = match stored.read_elsewhere(&self.cluster) {
            Some(reason) => lost(reason, self.on_lost),
            None => place(position, low, high, self.on_lost),
        };
        let reading = PartitionProgress::begin(self.lane(partition), position, (low, high));
        self.metrics.progress.begin(partition, reading);
        self.ends.insert(partition, high);
        let offset = self.begin(partition, position, place, low, lanes);
        if self.waiting.get(&partition).is_some_and(|waiting| waiting.assigned) {
            let Err(error) = self.consumer.seek(&self.topic, partition, offset, SEEK) else { return Ok(()) };
            // librdkafka does not seek a partition that it gave up because its offset was out of range.
            tracing::debug!(partition, %error, "assigning the partition again");
            self.unassign(partition).map_err(|error| error.to_string())?;
        }
        assigned.add_partition_offset(&self.topic, partition, offset).map_err(|error| error.to_string())
    }

    fn unassign(&mut self, partition: i32) -> Result<(), KafkaError> {
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.topic, partition);
        self.consumer.incremental_unassign(&list)?;
        if let Some(waiting) = self.waiting.get_mut(&partition) {
            waiting.assigned = false;
        }
        Ok(())
    }

    /// Adds partitions to the assignment; those that can't be added are no longer among the `begun`.
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

    /// Reports a partition that can't be read, and retries it later.
    fn unreadable(&mut self, partition: i32, stored: &Stored, reason: String) {
        self.held.remove(&partition);
        self.stalls.remove(&partition);
        if let Some(waiting) = self.waiting.get_mut(&partition) {
            waiting.postpone();
        }
        let position = stored.positions.get(&partition);
        let next = position.map_or(0, |position| position.next_offset);
        let mut reading = PartitionProgress::begin(self.lane(partition), position, (next, next));
        reading.trouble = Some((Trouble::Unreadable, reason.clone()));
        self.metrics.progress.begin(partition, reading);
        let reason = format!("partition {partition} of topic {} can't be read: {reason}", self.topic);
        self.health.trouble(Subject::Partition(partition), reason);
    }

    /// Retries `due` soon: what failed concerns all of them.
    fn retry_soon(&mut self, due: &[i32]) {
        let next_try = Instant::now() + RETRY;
        for partition in due {
            if let Some(waiting) = self.waiting.get_mut(partition) {
                waiting.next_try = next_try;
            }
        }
    }

    /// Begins a new reading of a partition; returns where.
    fn begin(
        &mut self,
        partition: i32,
        stored: Option<&Position>,
        place: Place,
        low: i64,
        lanes: &mut [Gathering],
    ) -> Offset {
        let epoch = EPOCH.fetch_add(1, Ordering::Relaxed);
        let from = stored.map(|position| position.next_offset);
        let next = from.unwrap_or(low);
        let stall = self.stalls.entry(partition).or_insert_with(|| Stall::new(Instant::now()));
        if stall.is_beyond(next) {
            // The stored position went back: what was applied before is to be applied again.
            stall.restart(Instant::now());
        }
        let held = |next, known, lost| AssignedPartition {
            epoch,
            low,
            next,
            applied: next,
            known,
            lost,
            suspect: false,
            rereads: false,
        };
        let chunk = &mut lanes[self.lane(partition)].chunk;
        chunk.forget(partition);
        chunk.starts.push(Start { partition, epoch, stored: stored.cloned() });
        if let Some((first, next)) = self.refused.remove(&partition) {
            let past = from.unwrap_or(0).min(next);
            self.metrics.doubled(u64::try_from(past - first).unwrap_or(0));
        }
        let (offset, held) = match place {
            Place::At { offset, known } => (offset, held(next, known, false)),
            Place::Over(reason) => {
                tracing::warn!(partition, reason, "reading the partition from its beginning");
                self.restart(partition, low);
                (Offset::Beginning, held(low, None, false))
            }
            Place::Lost(reason) => {
                self.stands_still(partition, &reason);
                (Offset::Beginning, held(low, None, true))
            }
        };
        self.held.insert(partition, held);
        offset
    }
}
