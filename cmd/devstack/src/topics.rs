//! The topics of the stack, and how a broker that is not ours gets them.

use anyhow::Context;
use ratingingester::config::Cluster;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::types::RDKafkaErrorCode;
use std::time::Duration;

/// The topic of ratings, its partitions, and the topic of what can't be read.
pub const TOPICS: [(&str, i32); 2] = [("ratings", 8), ("ratings.dlq", 1)];

const TIMEOUT: Duration = Duration::from_secs(10);
/// As many replicas as the brokers' own default says.
const REPLICAS: TopicReplication<'_> = TopicReplication::Fixed(-1);

/// Creates those topics that the brokers don't have.
pub async fn make_missing(cluster: &Cluster) -> anyhow::Result<()> {
    let brokers = &cluster.brokers;
    let admin: AdminClient<DefaultClientContext> = cluster.client(&[]).create()?;
    let (admin, there) = tokio::task::spawn_blocking(move || {
        let there = admin.inner().fetch_metadata(None, TIMEOUT);
        (admin, there)
    })
    .await?;
    let there = there.with_context(|| format!("no Kafka broker answers at {brokers}: check --kafka"))?;
    let is_there = |name| there.topics().iter().any(|topic| topic.name() == name);
    let missing: Vec<NewTopic<'_>> = TOPICS
        .into_iter()
        .filter(|(name, _)| !is_there(*name))
        .map(|(name, partitions)| NewTopic::new(name, partitions, REPLICAS))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let options = AdminOptions::new().operation_timeout(Some(TIMEOUT));
    for made in admin.create_topics(&missing, &options).await.context("topics can't be made")? {
        match made {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, error)) => anyhow::bail!("the topic {topic} can't be made, create it: {error}"),
        }
    }
    Ok(())
}
