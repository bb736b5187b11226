//! The topic of records that can't be applied: each goes there as it was, with the reason, before the batch
//! that skips it commits. After a crash between the two it is there twice; it is never lost.

use super::chunk::Content;
use super::config::Config;
use super::context::Quiet;
use super::decode::Rejected;
use super::health::{Health, Subject};
use model::Timestamp;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::future_producer::{DeliveryFuture, FutureProducer, FutureRecord};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Defaults of ours that `--kafka-option` overrides. The brokers, not the client, say what is too large.
const SETTINGS: [(&str, &str); 5] = [
    ("enable.idempotence", "true"),
    ("compression.type", "lz4"),
    ("partitioner", "murmur2_random"),
    ("message.max.bytes", "100000000"),
    ("message.timeout.ms", "30000"),
];

/// Options that mean nothing to a producer; librdkafka would say so at every start.
const OF_CONSUMERS: [&str; 6] = ["group.", "session.", "heartbeat.", "auto.", "partition.", "fetch."];

const RETRY: Duration = Duration::from_millis(500);

/// Sends dead letters; its clones share a producer.
#[derive(Clone)]
pub(super) struct DeadLetters {
    producer: FutureProducer<Quiet>,
    config: ClientConfig,
    from: String,
    topic: String,
    health: Health,
}

/// A record that can't be applied.
#[derive(Debug)]
pub(super) struct Letter<'a> {
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) content: Content<'a>,
    pub(super) reason: Rejected,
}

impl DeadLetters {
    /// Prepares to send; connects when there is something to send.
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
        Ok(Self {
            producer: settings.create_with_context(Quiet)?,
            config: settings,
            from: config.topic.clone(),
            topic: config.dead_letters(),
            health,
        })
    }

    /// Makes the topic where it is missing, with the brokers' own defaults. Brokers that don't let it be made
    /// this way may make it when it is first written to.
    pub(super) async fn create_topic(self) {
        let Ok(admin) = self.config.create_with_context::<_, AdminClient<_>>(Quiet) else { return };
        let options = AdminOptions::new().request_timeout(Some(Duration::from_secs(10)));
        let topic = NewTopic::new(&self.topic, -1, TopicReplication::Fixed(-1));
        match admin.create_topics([&topic], &options).await.as_deref() {
            Ok([Ok(_)]) => tracing::info!(topic = self.topic, "made the topic of dead letters"),
            Ok([Err((_, RDKafkaErrorCode::TopicAlreadyExists))]) => {}
            Ok(other) => {
                tracing::warn!(topic = self.topic, ?other, "the topic of dead letters can't be made")
            }
            Err(error) => {
                tracing::debug!(topic = self.topic, %error, "the topic of dead letters was not made")
            }
        }
    }

    /// Sends `letters` and returns once each is acknowledged; false where the service was stopped before.
    pub(super) async fn send(&self, letters: &[Letter<'_>], stop: &CancellationToken) -> bool {
        let mut sent = Vec::with_capacity(letters.len());
        for letter in letters {
            sent.push(self.queue(letter, whole(letter)).ok());
        }
        for (letter, sent) in letters.iter().zip(sent) {
            if !self.deliver(letter, sent, stop).await {
                return false;
            }
        }
        if !letters.is_empty() {
            self.health.well(Subject::DeadLetters);
        }
        true
    }

    /// Waits for one letter's acknowledgement, and sends it again, shorter where it is too large, until then.
    async fn deliver(
        &self,
        letter: &Letter<'_>,
        first: Option<DeliveryFuture>,
        stop: &CancellationToken,
    ) -> bool {
        let mut length = whole(letter);
        let mut sent = first.ok_or(KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull));
        loop {
            let error = match sent {
                Ok(delivery) => match stop.run_until_cancelled(delivery).await {
                    Some(Ok(Ok(_))) => return true,
                    Some(Ok(Err((error, _)))) => error,
                    Some(Err(_)) => KafkaError::Canceled,
                    None => return false,
                },
                Err(error) => error,
            };
            match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::MessageSizeTooLarge) if length > 0 => length /= 2,
                Some(RDKafkaErrorCode::QueueFull) => pause(stop, Duration::from_millis(10)).await,
                _ => {
                    let reason = format!("dead letters can't be sent to {}: {error}", self.topic);
                    self.health.trouble(Subject::DeadLetters, reason);
                    pause(stop, RETRY).await;
                }
            }
            if stop.is_cancelled() {
                return false;
            }
            sent = self.queue(letter, length);
        }
    }

    fn queue(&self, letter: &Letter<'_>, length: usize) -> Result<DeliveryFuture, KafkaError> {
        let value = letter.content.value.map(|value| &value[..length]);
        let record = FutureRecord::<[u8], [u8]> {
            topic: &self.topic,
            partition: None,
            payload: value,
            key: letter.content.key,
            timestamp: None,
            headers: Some(self.headers(letter, length)),
        };
        self.producer.send_result(record).map_err(|(error, _)| error)
    }

    fn headers(&self, letter: &Letter<'_>, length: usize) -> OwnedHeaders {
        let mut headers = OwnedHeaders::new();
        let mut add = |key: &str, value: &[u8]| {
            let grown = std::mem::replace(&mut headers, OwnedHeaders::new_with_capacity(0));
            headers = grown.insert(Header { key, value: Some(value) });
        };
        if let Some(content_type) = letter.content.content_type {
            add("content-type", content_type);
        }
        add("topic", self.from.as_bytes());
        add("partition", letter.partition.to_string().as_bytes());
        add("offset", letter.offset.to_string().as_bytes());
        add("reason", letter.reason.to_string().as_bytes());
        add("time", Timestamp::now().to_string().as_bytes());
        if length < whole(letter) {
            add("cut", whole(letter).to_string().as_bytes());
        }
        headers
    }
}

fn whole(letter: &Letter<'_>) -> usize {
    letter.content.value.map_or(0, <[u8]>::len)
}

async fn pause(stop: &CancellationToken, time: Duration) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(time) => {}
    }
}
