//! The last dead letters, read from their topic by a consumer without a group, on a thread of its own.

use crate::text::shortened;
use crate::time::time_ms;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Headers};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// The number of letters that are kept.
const MAX_LETTERS: usize = 100;

/// The maximum sizes of an event, and of a key or a reason, in bytes.
const MAX_EVENT: usize = 2 * 1024;
const MAX_TEXT: usize = 512;

/// The time limit of a poll, and of a request for metadata; the period of such requests.
const POLL: Duration = Duration::from_millis(250);
const METADATA_WITHIN: Duration = Duration::from_secs(2);
const METADATA_EVERY: Duration = Duration::from_secs(3);

/// Settings that bound the memory of the consumer and what it does.
const SETTINGS: [(&str, &str); 6] = [
    ("group.id", "console"),
    ("enable.auto.commit", "false"),
    ("allow.auto.create.topics", "false"),
    ("auto.offset.reset", "earliest"),
    ("queued.max.messages.kbytes", "2048"),
    ("fetch.message.max.bytes", "262144"),
];

/// A dead letter.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Letter {
    time_ms: f64,
    partition: i32,
    offset: i64,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    event: String,
}

/// What is known of the dead letters and the brokers.
#[derive(Debug, Serialize)]
pub(crate) struct DeadLetters {
    topic: String,
    /// Whether the brokers respond; without brokers in the configuration, nothing is known.
    available: bool,
    letters: VecDeque<Letter>,
    #[serde(skip)]
    broker_up: Option<bool>,
}

impl DeadLetters {
    /// Creates an empty list.
    pub(crate) fn new(topic: &str) -> Self {
        Self { topic: topic.to_owned(), available: false, letters: VecDeque::new(), broker_up: None }
    }

    /// Returns whether the brokers respond, once they have been contacted.
    pub(crate) fn broker_up(&self) -> Option<bool> {
        self.broker_up
    }

    /// Adds a letter in the order of time; the oldest is removed if there are too many.
    fn add(&mut self, letter: Letter) {
        if self
            .letters
            .iter()
            .any(|known| (known.partition, known.offset) == (letter.partition, letter.offset))
        {
            return;
        }
        let at = self.letters.partition_point(|known| known.time_ms <= letter.time_ms);
        self.letters.insert(at, letter);
        if self.letters.len() > MAX_LETTERS {
            self.letters.pop_front();
        }
    }
}

/// A list that the reader fills. Clones share it.
pub(crate) type Shared = Arc<Mutex<DeadLetters>>;

/// Locks a list.
pub(crate) fn lock(shared: &Shared) -> MutexGuard<'_, DeadLetters> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads the topic of `shared` from the brokers until `stop` is cancelled. Blocks.
pub(crate) fn read(brokers: &str, options: &[(String, String)], shared: &Shared, stop: &CancellationToken) {
    let mut settings = ClientConfig::new();
    for (key, value) in SETTINGS {
        settings.set(key, value);
    }
    for (key, value) in options {
        settings.set(key, value);
    }
    settings.set("bootstrap.servers", brokers);
    let consumer: BaseConsumer = match settings.create() {
        Ok(consumer) => consumer,
        Err(error) => {
            tracing::warn!(%error, "dead letters can't be read");
            return;
        }
    };
    let topic = lock(shared).topic.clone();
    let (mut assigned, mut due) = (0, Instant::now());
    while !stop.is_cancelled() {
        if Instant::now() >= due {
            due = Instant::now() + METADATA_EVERY;
            let partitions = partitions(&consumer, &topic);
            {
                let mut letters = lock(shared);
                letters.broker_up = Some(partitions.is_some());
                letters.available = partitions.is_some();
            }
            if let Some(partitions) = partitions.filter(|partitions| *partitions != assigned) {
                assigned = assign(&consumer, &topic, partitions);
            }
        }
        if let Some(Ok(message)) = consumer.poll(POLL) {
            let letter = letter(&message);
            lock(shared).add(letter);
        }
    }
}

/// Returns the number of partitions of `topic`, 0 before it exists; `None` if no broker responds.
fn partitions(consumer: &BaseConsumer, topic: &str) -> Option<i32> {
    let metadata = consumer.fetch_metadata(Some(topic), METADATA_WITHIN).ok()?;
    let found = metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none());
    Some(found.map_or(0, |found| i32::try_from(found.partitions().len()).unwrap_or(0)))
}

/// Assigns all partitions from their last letters on, and returns how many are assigned.
fn assign(consumer: &BaseConsumer, topic: &str, partitions: i32) -> i32 {
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        let last = Offset::OffsetTail(MAX_LETTERS as i64);
        if list.add_partition_offset(topic, partition, last).is_err() {
            return 0;
        }
    }
    match consumer.assign(&list) {
        Ok(()) => partitions,
        Err(error) => {
            tracing::warn!(%error, "dead letters can't be read");
            0
        }
    }
}

fn letter(message: &BorrowedMessage<'_>) -> Letter {
    let header = |name: &str| {
        let headers = message.headers()?;
        let header = headers.iter().find(|header| header.key == name)?;
        Some(text(header.value?, MAX_TEXT))
    };
    // The letter names the place of the event in its own topic.
    let partition = header("partition").and_then(|partition| partition.parse().ok());
    let offset = header("offset").and_then(|offset| offset.parse().ok());
    let milliseconds = u64::try_from(message.timestamp().to_millis().unwrap_or(0)).unwrap_or(0);
    Letter {
        time_ms: time_ms(milliseconds.saturating_mul(1_000_000)),
        partition: partition.unwrap_or_else(|| message.partition()),
        offset: offset.unwrap_or_else(|| message.offset()),
        reason: header("reason").unwrap_or_else(|| "unknown".to_owned()),
        key: message.key().map(|key| text(key, MAX_TEXT)),
        event: message.payload().map_or_else(String::new, |payload| text(payload, MAX_EVENT)),
    }
}

/// Returns the beginning of `bytes` as text.
fn text(bytes: &[u8], limit: usize) -> String {
    let beginning = &bytes[..bytes.len().min(limit)];
    shortened(&String::from_utf8_lossy(beginning), limit).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(offset: i64, time_ms: f64) -> Letter {
        let (reason, event) = ("invalid".to_owned(), "{}".to_owned());
        Letter { time_ms, partition: 0, offset, reason, key: None, event }
    }

    #[test]
    fn last_letters_are_kept_in_order_of_time() {
        let mut letters = DeadLetters::new("ratings.dlq");
        for offset in (0..250).rev() {
            letters.add(letter(offset, offset as f64));
            letters.add(letter(offset, offset as f64));
        }
        letters.add(letter(1000, 1000.0));
        let offsets: Vec<i64> = letters.letters.iter().map(|letter| letter.offset).collect();
        assert_eq!(offsets.len(), MAX_LETTERS);
        assert_eq!(offsets.last(), Some(&1000));
        assert!(offsets.is_sorted());
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_shortened() {
        assert_eq!(text(b"a\xff", 10), "a\u{fffd}");
        assert!(text(&[0xff; 5000], MAX_EVENT).len() <= MAX_EVENT);
    }
}
