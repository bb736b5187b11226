//! Where the partitions end, as the brokers say: for the lag.

use super::Partitions;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};

/// How often the brokers are asked, and how often while they don't answer, because a question holds up the poll.
const EVERY: Duration = Duration::from_secs(1);
const EVERY_UNANSWERED: Duration = Duration::from_secs(10);

/// How long they may take to answer.
const ANSWER: Duration = Duration::from_millis(500);

impl Partitions<'_> {
    /// Asks where the partitions end, now and then: one request to each broker, also for partitions that are
    /// paused, of which librdkafka itself would hear nothing.
    pub(in crate::ingester::consumer) fn ask_ends(&mut self) {
        if self.held.is_empty() || Instant::now() < self.ask {
            return;
        }
        match self.ends() {
            Ok(ends) => {
                self.ask = Instant::now() + EVERY;
                self.metrics.progress.ends(&ends);
            }
            Err(error) => {
                tracing::debug!(%error, "the partitions' ends are not known");
                self.ask = Instant::now() + EVERY_UNANSWERED;
            }
        }
    }

    fn ends(&self) -> Result<Vec<(i32, i64)>, KafkaError> {
        let mut asked = TopicPartitionList::new();
        for &partition in self.held.keys() {
            // In the place of a time, the end stands for itself.
            asked.add_partition_offset(&self.topic, partition, Offset::End)?;
        }
        let answered = self.consumer.offsets_for_times(asked, ANSWER)?;
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
