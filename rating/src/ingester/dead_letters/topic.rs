//! The topic itself, created whenever it is found missing: at the start, and while letters wait for it.

use super::{DeadLetters, RETRY};
use crate::ingester::context::Quiet;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::Producer as _;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long a broker may take to describe the topic.
const DESCRIBE: Duration = Duration::from_secs(2);

/// How long the brokers may take to create the topic.
const CREATE: Duration = Duration::from_secs(10);

impl DeadLetters {
    /// Looks after the topic until `stop`: tries until it exists, and again whenever letters wait.
    pub(in crate::ingester) async fn keep_topic(self, stop: CancellationToken) {
        let mut reported = None;
        loop {
            let looked = async {
                if let Err(reason) = self.look_after_topic().await {
                    if reported.as_ref() != Some(&reason) {
                        tracing::warn!(
                            topic = self.topic,
                            reason,
                            "the topic of dead letters is not there yet"
                        );
                    }
                    reported = Some(reason);
                } else {
                    reported = None;
                    self.look.notified().await;
                }
                tokio::time::sleep(RETRY).await;
            };
            if stop.run_until_cancelled(looked).await.is_none() {
                return;
            }
        }
    }

    /// Creates the topic if it is missing, with the brokers' own defaults; returns why it is still missing.
    async fn look_after_topic(&self) -> Result<(), String> {
        if self.exists().await? {
            return Ok(());
        }
        let admin: AdminClient<Quiet> =
            self.producers.settings().create_with_context(Quiet).map_err(|error| error.to_string())?;
        let options = AdminOptions::new().request_timeout(Some(CREATE));
        let topic = NewTopic::new(&self.topic, -1, TopicReplication::Fixed(-1));
        let created = admin.create_topics([&topic], &options).await.map_err(|error| error.to_string())?;
        match created.first() {
            Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => {}
            Some(Err((_, code))) => return Err(format!("it can't be created: {code}")),
            _ => tracing::info!(topic = self.topic, "created the topic of dead letters"),
        }
        // The producers learn of it at once.
        self.exists().await.map(|_| ())
    }

    /// Asks the brokers for the topic through each producer, which so learns of a topic that it believed missing.
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
