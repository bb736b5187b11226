//! Which partitions are paused: those of lanes that are behind, and those whose offset is lost.

use super::super::Gathering;
use super::{AssignedPartition, Partitions};
use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer as _;

impl Partitions<'_> {
    /// Pauses what must not be read: partitions whose offset is lost, and those of paused lanes.
    pub(super) fn hold_back(&self, lanes: &[Gathering]) {
        let back: Vec<i32> = self
            .held
            .iter()
            .filter(|(partition, held)| held.lost || lanes[self.lane(**partition)].paused)
            .map(|(partition, _)| *partition)
            .collect();
        self.set_paused(&back, true);
    }

    /// Pauses the partitions of a lane.
    pub(in crate::ingester::consumer) fn pause(&self, lane: usize) {
        tracing::debug!(lane, "the lane is behind: its partitions pause");
        self.metrics.progress.pause(lane, true);
        self.set_paused(&self.of_lane(lane), true);
    }

    /// Resumes the partitions of a lane.
    pub(in crate::ingester::consumer) fn resume(&self, lane: usize) {
        self.metrics.progress.pause(lane, false);
        self.set_paused(&self.of_lane(lane), false);
    }

    fn of_lane(&self, lane: usize) -> Vec<i32> {
        let of = |(partition, held): (&i32, &AssignedPartition)| {
            (self.lane(*partition) == lane && !held.lost).then_some(*partition)
        };
        self.held.iter().filter_map(of).collect()
    }

    pub(super) fn set_paused(&self, partitions: &[i32], paused: bool) {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition(&self.topic, *partition);
        }
        let result = if paused { self.consumer.pause(&list) } else { self.consumer.resume(&list) };
        if let Err(error) = result {
            tracing::warn!(?partitions, paused, %error, "partitions can't be paused or resumed");
        }
    }
}
