//! Dead letters: records that cannot be applied are sent to a topic of their own, with the reason. Each is
//! acknowledged there before the batch that skips it commits. A crash between the two duplicates it; it is never
//! lost.

mod cut;
mod letter;
mod pending;
mod producers;
mod topic;

pub(super) use letter::Letter;

use super::config::Config;
use super::health::{Health, Subject};
use pending::Pending;
use producers::{Batching, Producers};
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::future_producer::{DeliveryFuture, FutureRecord};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Defaults that `--kafka-option` overrides. The brokers, not the client, decide what is too large.
///
/// Idempotence is off: after a broker had rejected a batch as too large, librdkafka's idempotent producer reported
/// some later letters as stored that were not. Without it a retry may store a letter twice, but none is lost.
const SETTINGS: [(&str, &str); 5] = [
    ("enable.idempotence", "false"),
    ("compression.type", "lz4"),
    ("partitioner", "murmur2_random"),
    ("message.max.bytes", "100000000"),
    ("message.timeout.ms", "30000"),
];

/// Prefixes of options that a producer does not have; librdkafka would log a warning at every start.
const OF_CONSUMERS: [&str; 6] = ["group.", "session.", "heartbeat.", "auto.", "partition.", "fetch."];

const RETRY: Duration = Duration::from_millis(500);

/// The time without an acknowledgement after which it is reported.
const PATIENCE: Duration = Duration::from_millis(500);

/// Sends dead letters. Clones share the producers.
#[derive(Clone)]
pub(super) struct DeadLetters {
    producers: Arc<Producers>,
    /// The topic of the records.
    source: String,
    topic: String,
    health: Health,
    /// Wakes the task that creates the topic.
    look: Arc<Notify>,
}

/// The result of one attempt to send a letter.
enum Attempt {
    Acknowledged,
    /// The send queue is full.
    Full,
    TooLarge,
    Failed(KafkaError),
}

impl DeadLetters {
    /// Creates a producer. It connects when there is something to send.
    pub(super) fn open(brokers: &str, config: &Config, health: Health) -> Result<Self, KafkaError> {
        let mut settings = ClientConfig::new();
        for (key, value) in SETTINGS {
            settings.set(key, value);
        }
        settings.set("bootstrap.servers", brokers);
        for (key, value) in &config.options {
            if !OF_CONSUMERS.iter().any(|prefix| key.starts_with(prefix)) {
                settings.set(key, value);
            }
        }
        let producers = Arc::new(Producers::new(settings));
        producers.get(Batching::Shared).map(drop)?;
        Ok(Self {
            producers,
            source: config.topic.clone(),
            topic: config.dead_letters(),
            health,
            look: Arc::default(),
        })
    }

    /// Returns the topic of the letters.
    pub(super) fn topic(&self) -> &str {
        &self.topic
    }

    /// Sends `letters` and returns once all are acknowledged; false if the service was stopped before. A delay is
    /// reported, and the topic is created if it is missing.
    pub(super) async fn send(&self, letters: &[Letter<'_>], stop: &CancellationToken) -> bool {
        if letters.is_empty() {
            return true;
        }
        let mut sending = pin!(stop.run_until_cancelled(self.send_all(letters)));
        loop {
            if let Ok(sent) = tokio::time::timeout(PATIENCE, &mut sending).await {
                if sent.is_some() {
                    self.health.resolve(Subject::DeadLetters);
                }
                return sent.is_some();
            }
            if !self.health.has_trouble(Subject::DeadLetters) {
                let reason =
                    format!("{} dead letters are waiting to be sent to {}", letters.len(), self.topic);
                self.health.report(Subject::DeadLetters, reason);
            }
            self.look.notify_one();
        }
    }

    /// Sends all letters concurrently, and those that fail again until all are acknowledged.
    async fn send_all(&self, letters: &[Letter<'_>]) {
        let mut pending: Vec<_> = letters.iter().map(|letter| Pending::new(letter, &self.source)).collect();
        while !pending.is_empty() {
            let sent: Vec<_> = pending.iter().map(|pending| self.queue(pending)).collect();
            let (mut left, mut pause) = (Vec::new(), Duration::ZERO);
            for (mut pending, sent) in pending.into_iter().zip(sent) {
                match attempt(sent).await {
                    Attempt::Acknowledged => continue,
                    Attempt::Full => pause = pause.max(Duration::from_millis(10)),
                    Attempt::TooLarge if pending.shrink() => {}
                    Attempt::TooLarge => {
                        let topic = &self.topic;
                        self.fail(format!(
                            "it rejects even an empty record: raise max.message.bytes of {topic}"
                        ));
                        pause = RETRY;
                    }
                    Attempt::Failed(error) => {
                        self.fail(error.to_string());
                        pause = RETRY;
                    }
                }
                left.push(pending);
            }
            pending = left;
            tokio::time::sleep(pause).await;
        }
    }

    fn fail(&self, reason: String) {
        let reason = format!("dead letters can't be sent to {}: {reason}", self.topic);
        self.health.report(Subject::DeadLetters, reason);
        self.look.notify_one();
    }

    fn queue(&self, pending: &Pending<'_>) -> Result<DeliveryFuture, KafkaError> {
        let record = FutureRecord::<[u8], [u8]> {
            topic: &self.topic,
            partition: None,
            payload: pending.value(),
            key: pending.key(),
            timestamp: None,
            headers: Some(pending.headers()),
        };
        self.producers.get(pending.batching())?.send_result(record).map_err(|(error, _)| error)
    }
}

async fn attempt(sent: Result<DeliveryFuture, KafkaError>) -> Attempt {
    let error = match sent {
        Ok(delivery) => match delivery.await {
            Ok(Ok(_)) => return Attempt::Acknowledged,
            Ok(Err((error, _))) => error,
            Err(_) => KafkaError::Canceled,
        },
        Err(error) => error,
    };
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::QueueFull) => Attempt::Full,
        Some(RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::MessageBatchTooLarge) => {
            Attempt::TooLarge
        }
        _ => Attempt::Failed(error),
    }
}
