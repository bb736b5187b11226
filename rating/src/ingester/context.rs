//! What librdkafka tells the consumer beside its records.

use super::health::{Health, Subject};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;
use std::sync::{Mutex, PoisonError};

/// Queues the changes of assignment until the consumer handles them.
///
/// Partitions that come are not added to the assignment in the callback: their stored positions and their offsets
/// must be read first, which may fail for any of them. The rebalance itself is acknowledged at once, with nothing, so
/// that one unreadable partition holds up neither the group nor the other partitions. Partitions that go are
/// unassigned at once.
#[derive(Debug)]
pub(super) struct Context {
    changes: Mutex<Vec<Change>>,
    health: Health,
}

/// A change of assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// These partitions come and must be added to the assignment.
    Come(Vec<i32>),
    /// These partitions are gone.
    Gone(Vec<i32>),
}

impl Context {
    /// Listens on behalf of a consumer.
    pub(super) const fn new(health: Health) -> Self {
        Self { changes: Mutex::new(Vec::new()), health }
    }

    /// Takes the changes since the last call, the oldest first.
    pub(super) fn changes(&self) -> Vec<Change> {
        std::mem::take(&mut *self.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, change: Change) {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).push(change);
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        Quiet.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let trouble = match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AllBrokersDown) => {
                Some(format!("no Kafka broker can be reached: {reason}; check --kafka"))
            }
            Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SSL) => {
                Some(format!("the Kafka brokers reject the service: {reason}; check --kafka-option"))
            }
            _ => None,
        };
        if let Some(trouble) = trouble {
            self.health.trouble(Subject::Brokers, trouble);
        }
        Quiet.error(error, reason);
    }
}

/// For clients whose troubles are told by what they answer: librdkafka's words go to the log for those who look
/// closer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(target: "librdkafka", ?level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", %error, reason);
    }
}

impl ConsumerContext for Quiet {}

impl ConsumerContext for Context {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, error: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let partitions: Vec<i32> = list.elements().iter().map(|element| element.partition()).collect();
        if error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            if let Err(error) = consumer.incremental_assign(&TopicPartitionList::new()) {
                tracing::warn!(%error, "the rebalance can't be acknowledged");
            }
            self.note(Change::Come(partitions));
            return;
        }
        // What came and has not been taken up can't be let go either: librdkafka would refuse all of it.
        let mut held = TopicPartitionList::new();
        if let Ok(assigned) = consumer.assignment() {
            for element in list.elements() {
                if assigned.find_partition(element.topic(), element.partition()).is_some() {
                    held.add_partition(element.topic(), element.partition());
                }
            }
        }
        if let Err(error) = consumer.incremental_unassign(&held) {
            tracing::warn!(%error, "revoked partitions can't be let go");
        }
        self.note(Change::Gone(partitions));
    }
}
