//! The topic of the dead letters. It is created if it is missing, at the start and while letters are pending.

use super::{DeadLetters, RETRY};
use crate::ingester::context::LogOnlyContext;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::Producer as _;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The time limit to describe the topic.
const DESCRIBE: Duration = Duration::from_secs(2);

/// The time limit to create the topic.
const CREATE: Duration = Duration::from_secs(10);

impl DeadLetters {
    /// Creates the topic if it is missing: retries until it exists, and checks it again whenever letters are
    /// pending; until `stop`.
    pub(in crate::ingester) async fn keep_topic(self, stop: CancellationToken) {
        let mut reported = None;
        loop {
            let ensured = async {
                if let Err(reason) = self.ensure_topic().await {
                    if reported.as_ref() != Some(&reason) {
                        tracing::warn!(
                            topic = self.topic,
                            reason,
                            "the topic of dead letters does not exist yet"
                        );
                    }
                    reported = Some(reason);
                } else {
                    reported = None;
                    self.look.notified().await;
                }
                tokio::time::sleep(RETRY).await;
            };
            if stop.run_until_cancelled(ensured).await.is_none() {
                return;
            }
        }
    }

    /// Creates the topic if it is missing, with the brokers' defaults. Returns an error if it is still missing.
    async fn ensure_topic(&self) -> Result<(), String> {
        if self.exists().await? {
            return Ok(());
        }
        let admin: AdminClient<LogOnlyContext> = self
            .producers
            .settings()
            .create_with_context(LogOnlyContext)
            .map_err(|error| error.to_string())?;
        let options = AdminOptions::new().request_timeout(Some(CREATE));
        let topic = NewTopic::new(&self.topic, -1, TopicReplication::Fixed(-1));
        let created = admin.create_topics([&topic], &options).await.map_err(|error| error.to_string())?;
        match created.first() {
            Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => {}
            Some(Err((_, code))) => return Err(format!("it can't be created: {code}")),
            _ => tracing::info!(topic = self.topic, "created the topic of dead letters"),
        }
        // So that the producers find it at once.
        self.exists().await.map(|_| ())
    }

    /// Requests the topic's metadata through each producer, so that all of them discover a new topic.
    async fn exists(&self) -> Result<bool, String> {
        let (producers, topic) = (self.producers.open(), self.topic.clone());
        let described = tokio::task::spawn_blocking(move || {
            let mut exists = true;
            for producer in producers {
                let metadata = producer.client().fetch_metadata(Some(&topic), DESCRIBE)?;
                exists &= metadata.topics().iter().all(|topic| topic.error().is_none());
            }
            Ok(exists)
        });
        let described: Result<bool, KafkaError> = described.await.map_err(|error| error.to_string())?;
        described.map_err(|error| error.to_string())
    }
}
