//! What librdkafka tells the consumer beside its records.

use super::health::{Health, Subject};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Keeps the changes of assignment until the consumer gets to them.
///
/// Partitions that come are not taken up in the callback: their positions must be read first, and while the
/// database can't be reached the callback must not hold up the poll. Partitions that go are let go at once.
#[derive(Debug)]
pub(super) struct Context {
    changes: Mutex<Vec<Change>>,
    closing: AtomicBool,
    health: Health,
}

/// A change of assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// These partitions come, and wait to be taken up together.
    Come(Vec<i32>),
    /// These partitions are gone.
    Gone(Vec<i32>),
}

impl Context {
    /// Listens on behalf of a consumer.
    pub(super) const fn new(health: Health) -> Self {
        Self { changes: Mutex::new(Vec::new()), closing: AtomicBool::new(false), health }
    }

    /// Takes the changes since the last call, the oldest first.
    pub(super) fn changes(&self) -> Vec<Change> {
        std::mem::take(&mut *self.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes up nothing from now on.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
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
                Some(format!("the Kafka brokers refuse the service: {reason}; check --kafka-option"))
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
            if self.closing.load(Ordering::Acquire) {
                // librdkafka waits for an answer, whatever it is.
                let _ = consumer.incremental_assign(&TopicPartitionList::new());
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
