//! The flags of ingestion.

use super::bytes::Bytes;
use super::delivery::Delivery;
use super::options;
use clap::{Args, ValueEnum};
use std::time::Duration;

/// Which events are ingested, and how.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// Kafka brokers to ask first, separated by commas; without them nothing is ingested.
    #[arg(long, env = "KAFKA_BROKERS", value_name = "HOST:PORT,…")]
    pub kafka: Option<String>,

    /// The topic that ratings arrive on; what can't be read goes to its name with `.dlq`.
    #[arg(long = "kafka-topic", env = "KAFKA_TOPIC", value_name = "TOPIC", default_value = "ratings")]
    pub topic: String,

    /// The consumer group whose members share the partitions.
    #[arg(long = "kafka-group", env = "KAFKA_GROUP", value_name = "GROUP", default_value = "rating")]
    pub group: String,

    /// What to do where the stored offset is no longer that of the topic: stop the partition, or read the
    /// topic from its beginning.
    #[arg(long, env = "ON_LOST_OFFSET", value_enum, default_value_t = OnLostOffset::Fail)]
    pub on_lost_offset: OnLostOffset,

    /// How often an event has its effect where the service dies at the wrong moment: the offsets are stored
    /// before the ratings, behind them, or with them in one transaction.
    #[arg(long, env = "DELIVERY", value_enum, default_value_t = Delivery::ExactlyOnce)]
    pub delivery: Delivery,

    /// Any setting of librdkafka (SASL, session timeout, static membership; TLS and SCRAM if built with the cargo
    /// feature kafka-tls) but those that ingestion relies on; may be repeated.
    #[arg(long = "kafka-option", value_name = "KEY=VALUE", value_parser = options::parse)]
    pub options: Vec<(String, String)>,

    /// The most events that are applied at once.
    #[arg(long, env = "BATCH_EVENTS", value_name = "N", default_value_t = 20_000,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1_000_000))]
    pub batch_events: usize,

    /// The longest that an event waits for others to be applied with.
    #[arg(long, env = "BATCH_DELAY", value_name = "DURATION", default_value = "50ms", value_parser = service::duration)]
    pub batch_delay: Duration,

    /// The most memory that events which wait to be applied may take.
    #[arg(long, env = "INGEST_MEMORY", value_name = "BYTES", default_value_t = Bytes(64 << 20))]
    pub ingest_memory: Bytes,

    /// How long events of a partition may wait, with none of them read or applied, before the service reports it and
    /// is not ready.
    #[arg(long, env = "INGEST_STALL_TIMEOUT", value_name = "DURATION", default_value = "30s",
          value_parser = service::duration)]
    pub ingest_stall_timeout: Duration,

    /// Whether the stored offsets are forgotten at the start, for a broker that is new at every start.
    #[arg(skip)]
    pub forget_offsets: bool,
}

/// What to do where the stored offset is no longer that of the topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnLostOffset {
    /// The partition stops, and the service is not ready.
    Fail,
    /// The partition is read from its beginning.
    Earliest,
}

impl Config {
    /// The topic of what can't be read.
    pub(super) fn dead_letters(&self) -> String {
        format!("{}.dlq", self.topic)
    }
}
