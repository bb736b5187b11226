//! The topic of ratings, created on external brokers. The dead-letter topic is created by the rating
//! service.

use anyhow::Context;
use ratingingester::config::Cluster;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::types::RDKafkaErrorCode;
use std::time::Duration;

/// The topic of ratings.
pub(crate) const RATINGS: &str = "ratings";
/// The number of its partitions.
pub(crate) const PARTITIONS: i32 = 8;

const TIMEOUT: Duration = Duration::from_secs(10);
/// Selects the brokers' default number of replicas.
const REPLICAS: TopicReplication<'_> = TopicReplication::Fixed(-1);

/// Creates the topic of ratings if it does not exist.
pub(crate) async fn create_missing(cluster: &Cluster) -> anyhow::Result<()> {
    let brokers = &cluster.brokers;
    let admin: AdminClient<DefaultClientContext> = cluster.client(&[]).create()?;
    let (admin, there) = tokio::task::spawn_blocking(move || {
        let there = admin.inner().fetch_metadata(None, TIMEOUT);
        (admin, there)
    })
    .await?;
    let there = there.with_context(|| format!("no Kafka broker responds at {brokers}: check --kafka"))?;
    if there.topics().iter().any(|topic| topic.name() == RATINGS) {
        return Ok(());
    }
    let missing = NewTopic::new(RATINGS, PARTITIONS, REPLICAS);
    let options = AdminOptions::new().operation_timeout(Some(TIMEOUT));
    for created in admin.create_topics([&missing], &options).await.context("the topic can't be created")? {
        match created {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, error)) => {
                anyhow::bail!("topic {topic} can't be created: {error}; create it yourself")
            }
        }
    }
    Ok(())
}
