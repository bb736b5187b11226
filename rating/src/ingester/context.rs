//! The callbacks of librdkafka: rebalances, errors and log lines.

use super::health::{Health, Subject};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;
use std::sync::{Mutex, PoisonError};

/// Queues the changes of the assignment until the consumer handles them.
///
/// The callback does not assign new partitions: their stored positions and their offsets must be read first, which
/// may fail for any of them. It acknowledges the rebalance at once, with an empty assignment, so that one
/// unreadable partition blocks neither the group nor the other partitions. Revoked partitions are unassigned at
/// once.
#[derive(Debug)]
pub(super) struct Context {
    changes: Mutex<Vec<Change>>,
    health: Health,
}

/// A change of the assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// These partitions are new and must be assigned.
    Assigned(Vec<i32>),
    /// These partitions were revoked.
    Revoked(Vec<i32>),
}

impl Context {
    /// Returns the context of a consumer.
    pub(super) const fn new(health: Health) -> Self {
        Self { changes: Mutex::new(Vec::new()), health }
    }

    /// Takes the changes since the last call, the oldest first.
    pub(super) fn take_changes(&self) -> Vec<Change> {
        std::mem::take(&mut *self.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn push(&self, change: Change) {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).push(change);
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        LogOnlyContext.log(level, facility, message);
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
            self.health.report(Subject::Brokers, trouble);
        }
        LogOnlyContext.error(error, reason);
    }
}

/// The context of clients whose errors are returned by their calls: librdkafka's own messages go only to the debug log.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogOnlyContext;

impl ClientContext for LogOnlyContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(target: "librdkafka", ?level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", %error, reason);
    }
}

impl ConsumerContext for LogOnlyContext {}

impl ConsumerContext for Context {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, error: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let partitions: Vec<i32> = list.elements().iter().map(|element| element.partition()).collect();
        if error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            if let Err(error) = consumer.incremental_assign(&TopicPartitionList::new()) {
                tracing::warn!(%error, "the rebalance can't be acknowledged");
            }
            self.push(Change::Assigned(partitions));
            return;
        }
        // librdkafka rejects the whole list if one of its partitions is not assigned, as a new one that is still
        // pending.
        let mut to_unassign = TopicPartitionList::new();
        if let Ok(assigned) = consumer.assignment() {
            for element in list.elements() {
                if assigned.find_partition(element.topic(), element.partition()).is_some() {
                    to_unassign.add_partition(element.topic(), element.partition());
                }
            }
        }
        if let Err(error) = consumer.incremental_unassign(&to_unassign) {
            tracing::warn!(%error, "revoked partitions can't be unassigned");
        }
        self.push(Change::Revoked(partitions));
    }
}
