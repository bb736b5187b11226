//! A consumer that only reads, with and without decoding.

use crate::measured::{Figure, Process};
use crate::servers::PARTITIONS;
use api::json::RatingEvent;
use libtest_mimic::Failed;
use model::Timestamp;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use std::time::{Duration, Instant};

/// Reads `count` records of a topic.
pub(crate) fn read(brokers: &str, topic: &str, count: u64, decode: bool) -> Result<Figure, Failed> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "bare")
        .set("fetch.queue.backoff.ms", "10")
        .set("queued.max.messages.kbytes", "32768")
        .create()?;
    let mut partitions = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        partitions.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&partitions)?;
    let (process, now) = (Process::own(), Timestamp::now());
    let (mut start, mut cpu, mut read) = (Instant::now(), process.cpu()?, 0);
    while read < count {
        let Some(message) = consumer.poll(Duration::from_secs(1)) else { continue };
        if read == 0 {
            // The wait for the first one does not count.
            (start, cpu) = (Instant::now(), process.cpu()?);
        }
        let message = message?;
        if decode {
            let event: RatingEvent<'_> = serde_json::from_slice(message.payload().ok_or("a value")?)?;
            std::hint::black_box(event.event(now).map_err(|error| error.to_string())?);
        }
        read += 1;
    }
    Ok(Figure {
        rate: count as f64 / start.elapsed().as_secs_f64(),
        cpu: (process.cpu()? - cpu) * 1e6 / count as f64,
        mib: process.most_mib()?,
    })
}
