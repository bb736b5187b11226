//! Sends events to Kafka: idempotent, compressed, and never more in memory than the send queue holds.

use crate::config::Kafka;
use crate::event::Event;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, PurgeConfig, ThreadedProducer};
use rdkafka::util::Timeout;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the brokers may take to answer at all before they count as out of reach.
const REACH: Duration = Duration::from_secs(10);

/// Defaults of ours that `--kafka-option` overrides. The partitioner is that of Kafka's own clients, so that
/// a record's events meet in one partition whoever sent them.
const SETTINGS: [(&str, &str); 8] = [
    ("enable.idempotence", "true"),
    ("compression.type", "lz4"),
    ("partitioner", "murmur2_random"),
    ("delivery.report.only.error", "true"),
    ("linger.ms", "5"),
    ("queue.buffering.max.messages", "50000"),
    ("queue.buffering.max.kbytes", "65536"),
    ("message.timeout.ms", "60000"),
];

/// Why events can't be sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting that librdkafka doesn't know, or a value that it doesn't take.
    #[error("--kafka-option: {0}")]
    Option(String),
    /// No broker answered in time.
    #[error("no Kafka broker at {brokers} can be reached: {reason}")]
    Unreachable {
        /// The brokers that were asked.
        brokers: String,
        /// What the last one of them said, or the system about it.
        reason: String,
    },
    /// The brokers answer, but not about this topic.
    #[error("topic {topic} at {brokers} can't be written to: {reason}")]
    Topic {
        /// The topic.
        topic: String,
        /// The brokers that were asked.
        brokers: String,
        /// What they said.
        reason: String,
    },
    /// An event was not taken into the send queue.
    #[error("an event can't be sent: {0}")]
    Refused(RDKafkaErrorCode),
    /// Events were taken, but never acknowledged.
    #[error("{count} events were not delivered: {reason}")]
    Undelivered {
        /// How many, since the producer was opened.
        count: u64,
        /// Why the first of them was not.
        reason: String,
    },
}

/// A record of the topic.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value.
    pub value: &'a [u8],
    /// The header that says how the value is written, JSON where there is none.
    pub content_type: Option<&'a [u8]>,
    /// Its partition, where the key is not to decide.
    pub partition: Option<i32>,
    /// Its time in milliseconds since 1970, the present one where there is none.
    pub timestamp: Option<i64>,
}

impl<'a> From<&'a Event> for Message<'a> {
    fn from(event: &'a Event) -> Self {
        let (key, value) = (Some(event.key().as_bytes()), event.json());
        Self { key, value, content_type: None, partition: None, timestamp: None }
    }
}

/// Why a record is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The queue is full: try again.
    Full,
    /// It will never be taken.
    Record(RDKafkaErrorCode),
}

/// An event that was taken and is not delivered.
#[derive(Debug)]
pub struct Failed<'a> {
    /// Its line in the input.
    pub line: u64,
    /// Its key.
    pub key: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
    /// Why.
    pub code: RDKafkaErrorCode,
}

/// Called for each event that is not delivered, on the producer's own thread.
pub type OnFailure = Box<dyn Fn(&Failed<'_>) + Send + Sync>;

/// Sends events to one topic, from any thread.
pub struct Producer {
    inner: ThreadedProducer<Deliveries>,
    topic: String,
    partitions: i32,
    taken: AtomicU64,
}

struct Deliveries {
    on_failure: OnFailure,
    failed: AtomicU64,
    first_failure: Mutex<Option<RDKafkaErrorCode>>,
    last_error: Mutex<Option<String>>,
}

impl Producer {
    /// Connects, and holds the topic against the brokers; waits up to ten seconds for them.
    pub fn open(kafka: &Kafka, on_failure: OnFailure) -> Result<Self, Error> {
        let config = kafka.cluster.client(&SETTINGS);
        let deliveries = Deliveries {
            on_failure,
            failed: AtomicU64::new(0),
            first_failure: Mutex::new(None),
            last_error: Mutex::new(None),
        };
        let inner = config.create_with_context(deliveries).map_err(|e| Error::Option(plain(&e)))?;
        let mut producer =
            Self { inner, topic: kafka.topic.clone(), partitions: 0, taken: AtomicU64::new(0) };
        producer.partitions = producer.reach(&kafka.cluster.brokers)?;
        Ok(producer)
    }

    /// Waits for the topic; returns how many partitions it has.
    fn reach(&self, brokers: &str) -> Result<i32, Error> {
        let deadline = Instant::now() + REACH;
        loop {
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            let found = self.inner.client().fetch_metadata(Some(&self.topic), left);
            let metadata = found.map_err(|error| Error::Unreachable {
                brokers: brokers.to_owned(),
                reason: self.last_error().unwrap_or_else(|| plain(&error)),
            })?;
            let topic = metadata.topics().first();
            let Some(code) = topic.and_then(|topic| topic.error()) else {
                let partitions = topic.map_or(0, |topic| topic.partitions().len());
                return Ok(i32::try_from(partitions).unwrap_or(i32::MAX));
            };
            let code = RDKafkaErrorCode::from(code);
            // A topic that the brokers make on demand appears a moment after it was first asked for.
            let appears = [RDKafkaErrorCode::LeaderNotAvailable, RDKafkaErrorCode::UnknownTopicOrPartition];
            if !appears.contains(&code) || left < Duration::from_secs(7) {
                return Err(Error::Topic {
                    topic: self.topic.clone(),
                    brokers: brokers.to_owned(),
                    reason: code.to_string(),
                });
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Takes an event into the send queue; waits while that is full.
    pub fn send(&self, event: &Event) -> Result<(), Error> {
        loop {
            match self.try_send(&event.into(), 0) {
                Ok(()) => return Ok(()),
                Err(Refused::Record(code)) => return Err(Error::Refused(code)),
                Err(Refused::Full) => self.wait_for_room(),
            }
        }
    }

    /// Takes a record into the send queue, if there is room; `line` is what a failure is told with.
    pub fn try_send(&self, message: &Message<'_>, line: u64) -> Result<(), Refused> {
        let content_type =
            message.content_type.map(|value| Header { key: "content-type", value: Some(value) });
        let record = BaseRecord {
            topic: &self.topic,
            partition: message.partition,
            payload: Some(message.value),
            key: message.key,
            timestamp: message.timestamp,
            headers: content_type.map(|header| OwnedHeaders::new().insert(header)),
            // The type that is carried beside a record without being allocated.
            delivery_opaque: usize::try_from(line).unwrap_or(usize::MAX),
        };
        match self.inner.send(record) {
            Ok(()) => {
                self.taken.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => Err(Refused::Full),
            Err((error, _)) => Err(Refused::Record(code_of(&error))),
        }
    }

    /// Gives a full queue a moment to empty.
    pub fn wait_for_room(&self) {
        std::thread::sleep(Duration::from_millis(2));
    }

    /// How many partitions the topic had when the producer was opened.
    #[must_use]
    pub const fn partitions(&self) -> i32 {
        self.partitions
    }

    /// How many events the brokers have acknowledged; exact once [`Self::flush`] has returned.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        // What is neither under way nor failed has arrived: brokers' answers are not told one by one. An event
        // that fails is under way until its failure is counted.
        let under_way = u64::try_from(self.inner.in_flight_count()).unwrap_or_default();
        let failed = self.inner.context().failed.load(Ordering::Acquire);
        self.taken.load(Ordering::Acquire).saturating_sub(under_way + failed)
    }

    /// Waits until every event is acknowledged or given up; an error if any was given up since the start.
    pub fn flush(&self) -> Result<(), Error> {
        self.inner.flush(Timeout::Never).map_err(|e| Error::Refused(code_of(&e)))?;
        let deliveries = self.inner.context();
        match deliveries.failed.load(Ordering::Relaxed) {
            0 => Ok(()),
            count => {
                let first = *deliveries.first_failure.lock().unwrap_or_else(PoisonError::into_inner);
                let reason = first.map(|code| code.to_string()).unwrap_or_default();
                Err(Error::Undelivered { count, reason })
            }
        }
    }

    /// Gives up on everything that isn't acknowledged; [`Self::flush`] then returns at once.
    pub fn abandon(&self) {
        self.inner.purge(PurgeConfig::default().queue().inflight());
    }

    /// The last thing that went wrong with a broker, as librdkafka tells it.
    #[must_use]
    pub fn last_error(&self) -> Option<String> {
        self.inner.context().last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientContext for Deliveries {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        // That all brokers are down follows from what was said about each of them.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            let mut last = self.last_error.lock().unwrap_or_else(PoisonError::into_inner);
            *last = Some(reason.to_owned());
        }
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, line: usize) {
        let Err((error, message)) = result else { return };
        let code = code_of(error);
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.first_failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(code);
        (self.on_failure)(&Failed {
            line: line as u64,
            key: message.key().unwrap_or_default(),
            value: message.payload().unwrap_or_default(),
            code,
        });
    }
}

fn code_of(error: &KafkaError) -> RDKafkaErrorCode {
    error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)
}

/// The error's text without the name of its Rust type around it.
fn plain(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, description, key, value) => format!("{description} ({key}={value})"),
        KafkaError::ClientCreation(description) => description.clone(),
        other => other.rdkafka_error_code().map_or_else(|| other.to_string(), |code| code.to_string()),
    }
}
