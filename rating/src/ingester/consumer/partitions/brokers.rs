//! Requests to the brokers: the leaders, first offsets and end offsets of partitions. A partition whose leader does
//! not respond does not delay the others.

use super::Partitions;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// The time limit of a request. Requests delay the poll, so it is short.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The first offset and the end of a partition, or why they can't be read.
type Watermarks = Result<(i64, i64), String>;

impl Partitions<'_> {
    /// Returns the broker that leads each partition; a partition without a leader is missing.
    pub(super) fn leaders(&self) -> Result<HashMap<i32, i32>, KafkaError> {
        let metadata = self.consumer.fetch_metadata(Some(self.topic()), TIMEOUT)?;
        let mut leaders = HashMap::new();
        for topic in metadata.topics() {
            if let Some(error) = topic.error() {
                return Err(KafkaError::MetadataFetch(error.into()));
            }
            let led = topic.partitions().iter().filter(|partition| partition.leader() >= 0);
            leaders.extend(led.map(|partition| (partition.id(), partition.leader())));
        }
        Ok(leaders)
    }

    /// Reads the first offset and the end of each of `partitions`. A broker that does not respond is asked once.
    pub(super) fn watermarks(&self, partitions: &[i32]) -> Result<Vec<(i32, Watermarks)>, KafkaError> {
        let leaders = self.leaders()?;
        let mut silent = BTreeMap::new();
        let read = |&partition: &i32| {
            let Some(leader) = leaders.get(&partition) else {
                return (partition, Err("it has no leader".to_owned()));
            };
            if let Some(reason) = silent.get(leader) {
                return (partition, Err(String::clone(reason)));
            }
            let read = self.consumer.fetch_watermarks(self.topic(), partition, TIMEOUT).map_err(|error| {
                let reason = format!("its leader, broker {leader}, can't be reached: {error}");
                if is_connection(&error) {
                    silent.insert(*leader, reason.clone());
                }
                reason
            });
            (partition, read)
        };
        Ok(partitions.iter().map(read).collect())
    }
}

/// Returns whether an error concerns the connection to a broker, not the contents of a partition.
pub(super) fn is_connection(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::AllBrokersDown
                | Code::BrokerTransportFailure
                | Code::OperationTimedOut
                | Code::Resolve
                // librdkafka returns this for a partition whose leader is unreachable.
                | Code::UnknownPartition
        )
    )
}
