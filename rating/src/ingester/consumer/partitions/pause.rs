//! Pauses partitions: those of lanes that are behind, and those whose offset is lost.

use super::super::chunk_builder::ChunkBuilder;
use super::Partitions;
use super::state::AssignedPartition;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer as _;

impl Partitions<'_> {
    /// Pauses what must not be read: partitions whose offset is lost, and those of paused lanes.
    pub(super) fn pause_blocked(&self, lanes: &[ChunkBuilder]) {
        let blocked: Vec<i32> = self
            .reading
            .iter()
            .filter(|(partition, read)| read.lost || lanes[self.lane(**partition)].paused)
            .map(|(partition, _)| *partition)
            .collect();
        self.set_paused(&blocked, true);
    }

    /// Pauses the partitions of a lane.
    pub(in crate::ingester::consumer) fn pause(&self, lane: usize) {
        tracing::debug!(lane, "the lane is behind: pausing its partitions");
        self.resources.metrics.progress.pause(lane, true);
        self.set_paused(&self.of_lane(lane), true);
    }

    /// Resumes the partitions of a lane.
    pub(in crate::ingester::consumer) fn resume(&self, lane: usize) {
        self.resources.metrics.progress.pause(lane, false);
        self.set_paused(&self.of_lane(lane), false);
    }

    fn of_lane(&self, lane: usize) -> Vec<i32> {
        let of = |(partition, read): (&i32, &AssignedPartition)| {
            (self.lane(*partition) == lane && !read.lost).then_some(*partition)
        };
        self.reading.iter().filter_map(of).collect()
    }

    pub(super) fn set_paused(&self, partitions: &[i32], paused: bool) {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition(self.topic(), *partition);
        }
        let result = if paused { self.consumer.pause(&list) } else { self.consumer.resume(&list) };
        if let Err(error) = result {
            tracing::warn!(?partitions, paused, %error, "partitions can't be paused or resumed");
        }
    }
}
