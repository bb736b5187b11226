//! The end offsets of the partitions, for the lag.

use super::Partitions;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The interval of requests, and the interval while a broker does not respond: a request delays the poll.
const EVERY: Duration = Duration::from_secs(1);
const EVERY_WITHOUT_RESPONSE: Duration = Duration::from_secs(10);

/// The time limit of a request.
const TIMEOUT: Duration = Duration::from_millis(500);

impl Partitions<'_> {
    /// Reads the end offsets, if it is time: with one request to each broker, and also for paused partitions, for which
    /// librdkafka fetches nothing.
    pub(in crate::ingester::consumer) fn read_ends(&mut self) {
        if self.reading.is_empty() || Instant::now() < self.next_ends {
            return;
        }
        let all: Vec<i32> = self.reading.keys().copied().collect();
        let (ends, every) = match self.ends(&all) {
            Ok(ends) => (ends, EVERY),
            Err(error) => {
                tracing::debug!(%error, "the end offsets can't be read");
                (self.ends_by_leader(&all), EVERY_WITHOUT_RESPONSE)
            }
        };
        self.next_ends = Instant::now() + every;
        if !ends.is_empty() {
            self.resources.metrics.progress.ends(&ends);
        }
        self.ends = ends.into_iter().collect();
    }

    /// Asks each leader separately, so that one that does not respond affects only its own partitions.
    fn ends_by_leader(&self, all: &[i32]) -> Vec<(i32, i64)> {
        let leaders = match self.leaders() {
            Ok(leaders) => leaders,
            Err(error) => {
                tracing::debug!(%error, "the leaders can't be read");
                return Vec::new();
            }
        };
        let mut led: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        for partition in all {
            if let Some(leader) = leaders.get(partition) {
                led.entry(*leader).or_default().push(*partition);
            }
        }
        led.values().filter_map(|partitions| self.ends(partitions).ok()).flatten().collect()
    }

    fn ends(&self, partitions: &[i32]) -> Result<Vec<(i32, i64)>, KafkaError> {
        let mut request = TopicPartitionList::new();
        for &partition in partitions {
            // `Offset::End` instead of a time requests the end offset.
            request.add_partition_offset(self.topic(), partition, Offset::End)?;
        }
        let response = self.consumer.offsets_for_times(request, TIMEOUT)?;
        let end = |element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| match (
            element.error(),
            element.offset(),
        ) {
            (Ok(()), Offset::Offset(end)) => Some((element.partition(), end)),
            _ => None,
        };
        Ok(response.elements().iter().filter_map(end).collect())
    }
}
