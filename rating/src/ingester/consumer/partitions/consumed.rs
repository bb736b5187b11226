//! The consumer's positions: how far it has read past the last record that it returned. Markers of transactions,
//! records of aborted transactions and compacted gaps use up offsets. The consumer's position is past them, and so
//! must be the stored one, or they would count as lag, and as lost once the broker deletes them.

use super::super::chunk_builder::ChunkBuilder;
use super::Partitions;
use crate::ingester::chunk::Reached;
use rdkafka::Offset;
use rdkafka::consumer::Consumer as _;
use std::time::{Duration, Instant};

/// The interval of reading the positions while no records arrive, and while they do.
const EVERY: Duration = Duration::from_millis(20);
const EVERY_BUSY: Duration = Duration::from_secs(1);

impl Partitions<'_> {
    /// Adds to the lanes' chunks how far their partitions have been read. `drained` is true if the last poll
    /// returned all that was fetched.
    ///
    /// A position is exact: librdkafka sets it, on the polling thread, when a poll returns a record or passes a
    /// marker, and it is unknown from a seek or an assignment until then.
    pub(in crate::ingester::consumer) fn read_positions(
        &mut self,
        lanes: &mut [ChunkBuilder],
        drained: bool,
    ) {
        let every = if drained { EVERY } else { EVERY_BUSY };
        if self.reading.is_empty() || self.positions_at.elapsed() < every {
            return;
        }
        self.positions_at = Instant::now();
        let positions = match self.consumer.position() {
            Ok(positions) => positions,
            Err(error) => return tracing::debug!(%error, "the consumer's position is not known"),
        };
        for element in positions.elements() {
            if let Offset::Offset(next) = element.offset() {
                self.read_up_to(element.partition(), next, lanes);
            }
        }
    }

    fn read_up_to(&mut self, partition: i32, next: i64, lanes: &mut [ChunkBuilder]) {
        let lane = &mut lanes[self.lane(partition)];
        let Some(read) = self.reading.get_mut(&partition) else { return };
        if read.lost || read.rereads || next <= read.next {
            return;
        }
        if read.suspect {
            // librdkafka may have skipped a batch that it can't decode.
            read.rereads = true;
            return;
        }
        read.next = next;
        lane.touch();
        lane.chunk.reach(Reached { partition, epoch: read.epoch, next });
    }
}
