//! How far the consumer has read beyond the last record that it returned. Markers of transactions, records of aborted
//! ones and what compaction removed use up offsets: the consumer's position is past them, and so must be the stored
//! one, or they would count as events that wait, and as lost once the broker deletes them.

use super::super::Gathering;
use super::Partitions;
use crate::ingester::chunk::Reached;
use rdkafka::Offset;
use rdkafka::consumer::Consumer as _;
use std::time::{Duration, Instant};

/// How often the position is read, at most, and at least while records keep coming.
const EVERY: Duration = Duration::from_millis(20);
const EVERY_BUSY: Duration = Duration::from_secs(1);

impl Partitions<'_> {
    /// Adds to the lanes' chunks how far their partitions are read; `drained` is whether the last poll returned all
    /// that was fetched.
    ///
    /// The position is exact: librdkafka sets it, on the thread that polls, when a poll returns a record or passes a
    /// marker, and it is unknown from a seek or an assignment until then.
    pub(in crate::ingester::consumer) fn reach(&mut self, lanes: &mut [Gathering], drained: bool) {
        let every = if drained { EVERY } else { EVERY_BUSY };
        if self.held.is_empty() || self.reached.elapsed() < every {
            return;
        }
        self.reached = Instant::now();
        let positions = match self.consumer.position() {
            Ok(positions) => positions,
            Err(error) => return tracing::debug!(%error, "the consumer's position is not known"),
        };
        for element in positions.elements() {
            if let Offset::Offset(next) = element.offset() {
                self.reach_one(element.partition(), next, lanes);
            }
        }
    }

    fn reach_one(&mut self, partition: i32, next: i64, lanes: &mut [Gathering]) {
        let lane = &mut lanes[self.lane(partition)];
        let Some(held) = self.held.get_mut(&partition) else { return };
        if held.lost || held.rereads || next <= held.next {
            return;
        }
        if held.suspect {
            // librdkafka may skip a batch that it can't decode.
            held.rereads = true;
            return;
        }
        held.next = next;
        if lane.is_empty() {
            lane.since = Instant::now();
        }
        lane.chunk.reach(Reached { partition, epoch: held.epoch, next });
    }
}
