//! The librdkafka settings of the consumer.

use crate::ingester::config::Config;
use rdkafka::config::ClientConfig;

/// Defaults that `--kafka-option` overrides.
const SETTINGS: [(&str, &str); 6] = [
    ("partition.assignment.strategy", "cooperative-sticky"),
    ("fetch.queue.backoff.ms", "10"),
    ("reconnect.backoff.max.ms", "2000"),
    ("topic.metadata.refresh.interval.ms", "30000"),
    ("allow.auto.create.topics", "false"),
    ("check.crcs", "true"),
];

/// Settings that ingestion depends on; `--kafka-option` does not override them.
const FIXED: [(&str, &str); 5] = [
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "error"),
    ("isolation.level", "read_committed"),
    ("enable.partition.eof", "false"),
];

/// The memory that a record in librdkafka's queue takes in addition to its value, in bytes: a structure, its key,
/// and the allocator's overhead. librdkafka counts only the value.
const QUEUED: usize = 512;

/// Returns the settings of the consumer.
pub(in crate::ingester) fn settings(brokers: &str, config: &Config) -> ClientConfig {
    let mut settings = ClientConfig::new();
    // A sixteenth of the memory is for librdkafka's queue, which is enough to stay ahead of the lanes. It counts
    // what it fetches only once that is decompressed, to some eight times the requested size, so it requests
    // little.
    let memory = config.ingest_memory.0 / 16;
    settings.set("queued.min.messages", (memory / QUEUED).clamp(1_000, 100_000).to_string());
    settings.set("queued.max.messages.kbytes", (memory / 1024).max(1024).to_string());
    settings.set("message.max.bytes", (memory / 8).clamp(64 << 10, 1_000_000).to_string());
    settings.set("fetch.max.bytes", (memory / 8).clamp(64 << 10, 50 << 20).to_string());
    settings.set("max.partition.fetch.bytes", (memory / 32).clamp(64 << 10, 1 << 20).to_string());
    settings.set("group.id", &config.group);
    settings.set("bootstrap.servers", brokers);
    for (key, value) in SETTINGS {
        settings.set(key, value);
    }
    for (key, value) in &config.options {
        settings.set(key, value);
    }
    for (key, value) in FIXED {
        settings.set(key, value);
    }
    settings
}
