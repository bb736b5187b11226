//! The flags of ingestion.

use super::bytes::Bytes;
use super::delivery::Delivery;
use super::options;
use clap::{Args, ValueEnum};
use std::time::Duration;

/// Which events are ingested, and how.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// Kafka bootstrap brokers, separated by commas; without them nothing is ingested.
    #[arg(long, env = "KAFKA_BROKERS", value_name = "HOST:PORT,…", value_parser = flags::brokers)]
    pub kafka: Option<String>,

    /// The topic of rating events; invalid events are sent to the topic of the same name with the suffix `.dlq`.
    #[arg(long = "kafka-topic", env = "KAFKA_TOPIC", value_name = "TOPIC", default_value = "ratings",
          value_parser = flags::topic)]
    pub topic: String,

    /// The consumer group.
    #[arg(long = "kafka-group", env = "KAFKA_GROUP", value_name = "GROUP", default_value = "rating",
          value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub group: String,

    /// What to do if the stored offset is not valid for the topic.
    #[arg(long, env = "ON_LOST_OFFSET", value_name = "REACTION", value_enum, default_value_t = OnLostOffset::Fail)]
    pub on_lost_offset: OnLostOffset,

    /// The delivery guarantee if the service crashes.
    #[arg(long, env = "DELIVERY", value_name = "GUARANTEE", value_enum, default_value_t = Delivery::ExactlyOnce)]
    pub delivery: Delivery,

    /// A librdkafka setting (SASL, session timeout, static membership; TLS and SCRAM if built with the cargo feature
    /// kafka-tls), except those that ingestion depends on; may be repeated.
    #[arg(long = "kafka-option", value_name = "KEY=VALUE", value_parser = options::parse)]
    pub options: Vec<(String, String)>,

    /// The maximum number of events per batch.
    #[arg(long, env = "BATCH_EVENTS", value_name = "N", default_value_t = 20_000,
          value_parser = flags::whole(1..=1_000_000_usize))]
    pub batch_events: usize,

    /// The maximum time that an event waits for a batch to fill.
    #[arg(long, env = "BATCH_DELAY", value_name = "DURATION", default_value = "50ms", value_parser = service::duration)]
    pub batch_delay: Duration,

    /// The maximum memory for events that are not yet applied.
    #[arg(long, env = "INGEST_MEMORY", value_name = "BYTES", default_value_t = Bytes(64 << 20))]
    pub ingest_memory: Bytes,

    /// How long events of a partition may be pending, without any being read or applied, before the service reports
    /// the partition as stalled and is not ready.
    #[arg(long, env = "INGEST_STALL_TIMEOUT", value_name = "DURATION", default_value = "30s",
          value_parser = service::positive_duration)]
    pub ingest_stall_timeout: Duration,

    /// Whether the stored offsets are forgotten at the start, for a broker that is new at every start.
    #[arg(skip)]
    pub forget_offsets: bool,
}

/// What to do if the stored offset is not valid for the topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnLostOffset {
    /// Stop reading the partition and report that the service is not ready.
    Fail,
    /// Read the partition from its beginning.
    Earliest,
}

impl Config {
    /// The topic of what can't be read.
    pub(super) fn dead_letters(&self) -> String {
        format!("{}.dlq", self.topic)
    }
}
