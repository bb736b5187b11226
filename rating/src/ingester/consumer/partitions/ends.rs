//! Where the partitions end, as the brokers say: for the lag.

use super::Partitions;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How often the brokers are asked, and how often while one of them does not respond, because a request holds up the
/// poll.
const EVERY: Duration = Duration::from_secs(1);
const EVERY_UNANSWERED: Duration = Duration::from_secs(10);

/// How long a request may take.
const TIMEOUT: Duration = Duration::from_millis(500);

impl Partitions<'_> {
    /// Asks where the partitions end, now and then: one request to each broker, also for partitions that are
    /// paused, for which librdkafka fetches nothing.
    pub(in crate::ingester::consumer) fn ask_ends(&mut self) {
        if self.held.is_empty() || Instant::now() < self.ask {
            return;
        }
        let all: Vec<i32> = self.held.keys().copied().collect();
        let (ends, every) = match self.ends(&all) {
            Ok(ends) => (ends, EVERY),
            Err(error) => {
                tracing::debug!(%error, "the partitions' ends are not known");
                (self.ends_by_leader(&all), EVERY_UNANSWERED)
            }
        };
        self.ask = Instant::now() + every;
        if !ends.is_empty() {
            self.metrics.progress.ends(&ends);
        }
        self.ends = ends.into_iter().collect();
    }

    /// Asks each leader on its own, so that one that does not respond hides only its own partitions' ends.
    fn ends_by_leader(&self, all: &[i32]) -> Vec<(i32, i64)> {
        let leaders = match self.leaders() {
            Ok(leaders) => leaders,
            Err(error) => {
                tracing::debug!(%error, "the partitions' leaders are not known");
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
        let mut asked = TopicPartitionList::new();
        for &partition in partitions {
            // Instead of a time, the end stands for itself.
            asked.add_partition_offset(&self.topic, partition, Offset::End)?;
        }
        let answered = self.consumer.offsets_for_times(asked, TIMEOUT)?;
        let end = |element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| match (
            element.error(),
            element.offset(),
        ) {
            (Ok(()), Offset::Offset(end)) => Some((element.partition(), end)),
            _ => None,
        };
        Ok(answered.elements().iter().filter_map(end).collect())
    }
}
