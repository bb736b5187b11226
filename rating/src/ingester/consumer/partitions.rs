//! The partitions that this consumer holds: where each is read, and whether it may be.

mod commits;
mod ends;

use super::{ANSWER, Consumer, Gathering, RETRY};
use crate::batch::Position;
use crate::ingester::OnLostOffset;
use crate::ingester::chunk::{Start, digest};
use crate::ingester::context::{Change, Context};
use crate::ingester::health::{Health, Subject};
use crate::ingester::lane::Feedback;
use crate::ingester::metrics::Metrics;
use crate::ingester::place::{Place, lost, place};
use crate::ingester::progress::Reading;
use crate::repository::{self, Repository};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tokio::runtime::Handle;

/// Tells one reading of a partition from every other of this process.
static EPOCH: AtomicU64 = AtomicU64::new(1);

/// The partitions of one consumer.
pub(super) struct Partitions<'a> {
    consumer: &'a BaseConsumer<Context>,
    repository: Arc<dyn Repository>,
    runtime: Handle,
    health: Health,
    metrics: Metrics,
    topic: String,
    cluster: String,
    on_lost: OnLostOffset,
    lanes: usize,
    held: HashMap<i32, Held>,
    /// Came, and wait to be taken up; `Some` also where they are none.
    coming: Option<BTreeSet<i32>>,
    /// Are read from the wrong place, and wait to be sought anew.
    seeking: BTreeSet<i32>,
    /// What was refused of partitions that are sought anew: from the first offset to before the second.
    refused: HashMap<i32, (i64, i64)>,
    tried: Option<Instant>,
    commits: BTreeMap<i32, i64>,
    committed: Instant,
    /// When the brokers are next asked where the partitions end.
    ask: Instant,
}

/// What the database knows of the topic.
struct Stored {
    positions: HashMap<i32, Position>,
    /// The clusters that it was read from, where this one is none of them.
    elsewhere: Vec<String>,
}

impl Stored {
    fn read_elsewhere(&self, cluster: &str) -> Option<String> {
        (!self.elsewhere.is_empty()).then(|| {
            let others = self.elsewhere.join(" and ");
            format!("it was read from cluster {others} so far, and these brokers are of cluster {cluster}")
        })
    }
}

#[derive(Debug)]
struct Held {
    epoch: u64,
    /// The next offset that is wanted.
    next: i64,
    /// What the record before it must be.
    known: Option<Position>,
    lost: bool,
}

impl<'a> Partitions<'a> {
    pub(super) fn new(consumer: &'a BaseConsumer<Context>, from: &Consumer, cluster: String) -> Self {
        Self {
            consumer,
            repository: Arc::clone(&from.repository),
            runtime: from.runtime.clone(),
            health: from.health.clone(),
            metrics: from.metrics.clone(),
            topic: from.config.topic.clone(),
            cluster,
            on_lost: from.config.on_lost_offset,
            lanes: from.lanes.len(),
            held: HashMap::new(),
            coming: None,
            seeking: BTreeSet::new(),
            refused: HashMap::new(),
            tried: None,
            commits: BTreeMap::new(),
            committed: Instant::now(),
            ask: Instant::now(),
        }
    }

    /// Hears what a lane has done.
    pub(super) fn hear(&mut self, feedback: Feedback) {
        let current = |partition, epoch| self.held.get(&partition).is_some_and(|held| held.epoch == epoch);
        match feedback {
            Feedback::Applied { partition, epoch, next_offset } if current(partition, epoch) => {
                self.commits.insert(partition, next_offset);
            }
            Feedback::Fenced { partition, epoch, first } if current(partition, epoch) => {
                if let Some(held) = self.held.get(&partition) {
                    self.refused.insert(partition, (first, held.next));
                }
                self.seek_anew(partition);
            }
            _ => {}
        }
    }

    /// Has a partition sought from the stored position again, and held against what the brokers have.
    fn seek_anew(&mut self, partition: i32) {
        self.held.remove(&partition);
        self.seeking.insert(partition);
        self.tried = None;
    }

    /// Follows the changes of assignment.
    pub(super) fn change(&mut self, lanes: &mut [Gathering]) {
        for change in self.consumer.context().changes() {
            match change {
                Change::Come(partitions) => {
                    self.coming.get_or_insert_default().extend(partitions);
                    self.tried = None;
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
        if let Some(coming) = &mut self.coming {
            coming.remove(&partition);
        }
        self.held.remove(&partition);
        self.seeking.remove(&partition);
        self.refused.remove(&partition);
        self.commits.remove(&partition);
        self.health.well(Subject::Offset(partition));
        self.metrics.progress.revoked(partition);
        lanes[self.lane(partition)].chunk.forget(partition);
    }

    /// Takes up the partitions that came, and seeks those that are read from the wrong place: both from the
    /// stored position, which is why a database that can't be reached holds them up.
    pub(super) fn take_up(&mut self, lanes: &mut [Gathering]) {
        if self.coming.is_none() && self.seeking.is_empty() {
            return;
        }
        if self.tried.is_some_and(|tried| tried.elapsed() < RETRY) {
            return;
        }
        self.tried = Some(Instant::now());
        let stored = match self.runtime.block_on(self.stored()) {
            Ok(stored) => stored,
            Err(error) => {
                let reason = format!("the stored offsets can't be read: {}", service::chain(&error));
                return self.health.trouble(Subject::Storage(None), reason);
            }
        };
        self.health.well(Subject::Storage(None));
        if let Err(error) = self.take_up_at(&stored, lanes) {
            // What the consumer itself was told says more.
            if !self.health.is_troubled(Subject::Topic) {
                let reason = format!("the offsets of topic {} can't be read: {error}", self.topic);
                self.health.trouble(Subject::Topic, reason);
            }
            return;
        }
        self.health.well(Subject::Topic);
        self.health.well(Subject::Group);
    }

    async fn stored(&self) -> Result<Stored, repository::Error> {
        let positions = self.repository.positions(&self.cluster, &self.topic).await?;
        let elsewhere =
            if positions.is_empty() { self.repository.clusters(&self.topic).await? } else { vec![] };
        Ok(Stored { positions: positions.into_iter().collect(), elsewhere })
    }

    fn take_up_at(&mut self, stored: &Stored, lanes: &mut [Gathering]) -> Result<(), KafkaError> {
        let coming: Vec<i32> = self.coming.iter().flatten().copied().collect();
        let beginning: Vec<i32> = coming.iter().chain(&self.seeking).copied().collect();
        let mut places = Vec::new();
        for &partition in &beginning {
            let (low, high) = self.consumer.fetch_watermarks(&self.topic, partition, ANSWER)?;
            let position = stored.positions.get(&partition);
            let reading = Reading::begin(self.lane(partition), position, (low, high));
            let place = match stored.read_elsewhere(&self.cluster) {
                Some(reason) => lost(reason, self.on_lost),
                None => place(position, low, high, self.on_lost),
            };
            places.push((partition, reading, place));
        }
        let mut assigned = TopicPartitionList::new();
        for (partition, reading, place) in places {
            self.metrics.progress.begin(partition, reading);
            let offset = self.begin(partition, stored.positions.get(&partition), place, lanes);
            if self.seeking.contains(&partition) {
                self.consumer.seek(&self.topic, partition, offset, ANSWER)?;
                self.seeking.remove(&partition);
            } else {
                assigned.add_partition_offset(&self.topic, partition, offset)?;
            }
        }
        if self.coming.is_some() {
            self.consumer.incremental_assign(&assigned)?;
            self.coming = None;
            tracing::info!(partitions = ?coming, "partitions were assigned");
        }
        // librdkafka remembers a pause for as long as it lives, also while the partition is another member's.
        self.set_paused(&beginning, false);
        self.hold_back(lanes);
        Ok(())
    }

    /// Begins a new reading of a partition; returns where.
    fn begin(
        &mut self,
        partition: i32,
        stored: Option<&Position>,
        place: Place,
        lanes: &mut [Gathering],
    ) -> Offset {
        let epoch = EPOCH.fetch_add(1, Ordering::Relaxed);
        let from = stored.map(|position| position.next_offset);
        let chunk = &mut lanes[self.lane(partition)].chunk;
        chunk.forget(partition);
        chunk.starts.push(Start { partition, epoch, from });
        if let Some((first, next)) = self.refused.remove(&partition) {
            let past = from.unwrap_or(0).min(next);
            self.metrics.doubled(u64::try_from(past - first).unwrap_or(0));
        }
        let (offset, held) = match place {
            Place::At { offset, known } => {
                (offset, Held { epoch, next: from.unwrap_or(0), known, lost: false })
            }
            Place::Over(reason) => {
                tracing::warn!(partition, reason, "reading the partition from its beginning");
                self.metrics.progress.over(partition);
                (Offset::Beginning, Held { epoch, next: 0, known: None, lost: false })
            }
            Place::Lost(reason) => {
                self.stands_still(partition, &reason);
                (Offset::Beginning, Held { epoch, next: 0, known: None, lost: true })
            }
        };
        self.held.insert(partition, held);
        offset
    }

    fn stands_still(&self, partition: i32, reason: &str) {
        self.metrics.progress.lost(partition, reason);
        let advice = "start with --on-lost-offset earliest to read the partition from its beginning";
        let reason =
            format!("partition {partition} of topic {} stands still: {reason}; {advice}", self.topic);
        tracing::error!(partition, "{reason}");
        self.health.trouble(Subject::Offset(partition), reason);
    }

    /// Decides on a record: which lane it goes to in which reading, or `None` where it isn't wanted.
    pub(super) fn accept(&mut self, message: &BorrowedMessage<'_>) -> Option<(usize, u64)> {
        let partition = message.partition();
        let held = self.held.get_mut(&partition).filter(|held| !held.lost)?;
        if let Some(known) = held.known.take()
            && message.offset() == known.next_offset - 1
        {
            let timestamp = message.timestamp().to_millis().unwrap_or(-1);
            if (timestamp, digest(message.key(), message.payload()))
                != (known.last_timestamp, known.last_digest)
            {
                let reason =
                    format!("the record at offset {} is not the one that was applied", message.offset());
                self.lose(partition, reason);
            }
            return None;
        }
        if message.offset() < held.next {
            self.metrics.doubled(1);
            return None;
        }
        held.next = message.offset() + 1;
        let epoch = held.epoch;
        Some((self.lane(partition), epoch))
    }

    /// Holds every partition against its stored position once more: when the brokers have not the next offset of
    /// one, because they don't say of which, and when the topic was gone, because it may be another one now.
    pub(super) fn check_offsets(&mut self) {
        let reading = self.held.iter().filter(|(_, held)| !held.lost);
        let reading: Vec<i32> = reading.map(|(partition, _)| *partition).collect();
        for partition in reading {
            self.seek_anew(partition);
        }
    }

    fn lose(&mut self, partition: i32, reason: String) {
        let Some(held) = self.held.get_mut(&partition) else { return };
        match lost(reason, self.on_lost) {
            Place::Over(reason) => {
                (held.next, held.known) = (0, None);
                tracing::warn!(partition, reason, "reading the partition from its beginning");
                self.metrics.progress.over(partition);
                self.seek(partition, Offset::Beginning);
            }
            Place::Lost(reason) => {
                held.lost = true;
                self.stands_still(partition, &reason);
                self.set_paused(&[partition], true);
            }
            Place::At { .. } => {}
        }
    }

    fn seek(&self, partition: i32, offset: Offset) {
        if let Err(error) = self.consumer.seek(&self.topic, partition, offset, ANSWER) {
            tracing::warn!(partition, %error, "seek");
        }
    }

    /// Pauses what must not be read: partitions that stand still, and those of paused lanes.
    fn hold_back(&self, lanes: &[Gathering]) {
        let back: Vec<i32> = self
            .held
            .iter()
            .filter(|(partition, held)| held.lost || lanes[self.lane(**partition)].paused)
            .map(|(partition, _)| *partition)
            .collect();
        self.set_paused(&back, true);
    }

    /// Pauses the partitions of a lane.
    pub(super) fn pause(&self, lane: usize) {
        tracing::debug!(lane, "the lane is behind: its partitions pause");
        self.metrics.progress.pause(lane, true);
        self.set_paused(&self.of_lane(lane), true);
    }

    /// Goes on with the partitions of a lane.
    pub(super) fn resume(&self, lane: usize) {
        self.metrics.progress.pause(lane, false);
        self.set_paused(&self.of_lane(lane), false);
    }

    fn of_lane(&self, lane: usize) -> Vec<i32> {
        let of = |(partition, held): (&i32, &Held)| {
            (self.lane(*partition) == lane && !held.lost).then_some(*partition)
        };
        self.held.iter().filter_map(of).collect()
    }

    fn set_paused(&self, partitions: &[i32], paused: bool) {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition(&self.topic, *partition);
        }
        let result = if paused { self.consumer.pause(&list) } else { self.consumer.resume(&list) };
        if let Err(error) = result {
            tracing::warn!(?partitions, paused, %error, "partitions can't be paused or resumed");
        }
    }

    /// Prepares to leave the group.
    pub(super) fn leave(mut self) {
        if !self.commits.is_empty() {
            self.commit_now();
        }
        // librdkafka waits for an answer to what came and was not taken up.
        if self.coming.is_some() {
            let _ = self.consumer.incremental_assign(&TopicPartitionList::new());
        }
        self.consumer.context().close();
    }

    fn lane(&self, partition: i32) -> usize {
        usize::try_from(partition).unwrap_or(0) % self.lanes
    }
}
