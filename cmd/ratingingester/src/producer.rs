//! Sends events to Kafka: idempotent, compressed, and never more in memory than the send queue holds.

use crate::config::Kafka;
use crate::event::Event;
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, PurgeConfig, ThreadedProducer};
use rdkafka::util::Timeout;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the brokers may take to answer at all before they count as out of reach.
const REACH: Duration = Duration::from_secs(10);

/// Defaults of ours that `--kafka-option` overrides. The partitioner is that of Kafka's own clients, so that
/// a record's events meet in one partition whoever sent them.
const SETTINGS: [(&str, &str); 7] = [
    ("enable.idempotence", "true"),
    ("compression.type", "lz4"),
    ("partitioner", "murmur2_random"),
    ("linger.ms", "5"),
    ("queue.buffering.max.messages", "200000"),
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

/// Where in the input an event came from.
#[derive(Debug, Default)]
pub struct Origin {
    /// Its line, counted from 1.
    pub line: u64,
    /// Its bytes as they were read, where they may be wanted again.
    pub bytes: Box<[u8]>,
}

/// What a full send queue or a refusal gives back.
#[derive(Debug)]
pub enum Refused {
    /// The queue is full: try again.
    Full(Box<Origin>),
    /// The event will never be taken.
    Event(Box<Origin>, RDKafkaErrorCode),
}

/// Called for each event that is not delivered, on the producer's own thread.
pub type OnFailure = Box<dyn Fn(&Origin, RDKafkaErrorCode) + Send + Sync>;

/// Sends events to one topic, from any thread.
pub struct Producer {
    inner: ThreadedProducer<Deliveries>,
    topic: String,
}

struct Deliveries {
    on_failure: OnFailure,
    delivered: AtomicU64,
    failed: AtomicU64,
    first_failure: Mutex<Option<RDKafkaErrorCode>>,
    last_error: Mutex<Option<String>>,
}

impl Producer {
    /// Connects, and holds the topic against the brokers; waits up to ten seconds for them.
    pub fn open(kafka: &Kafka, on_failure: OnFailure) -> Result<Self, Error> {
        let mut config = ClientConfig::new();
        for (key, value) in SETTINGS {
            config.set(key, value);
        }
        config.set("bootstrap.servers", &kafka.brokers);
        for (key, value) in &kafka.options {
            config.set(key, value);
        }
        config.set_log_level(RDKafkaLogLevel::Error);
        let deliveries = Deliveries {
            on_failure,
            delivered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            first_failure: Mutex::new(None),
            last_error: Mutex::new(None),
        };
        let inner = config.create_with_context(deliveries).map_err(|e| Error::Option(plain(&e)))?;
        let producer = Self { inner, topic: kafka.topic.clone() };
        producer.reach(&kafka.brokers)?;
        Ok(producer)
    }

    fn reach(&self, brokers: &str) -> Result<(), Error> {
        let deadline = Instant::now() + REACH;
        loop {
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            let found = self.inner.client().fetch_metadata(Some(&self.topic), left);
            let metadata = found.map_err(|error| Error::Unreachable {
                brokers: brokers.to_owned(),
                reason: self.last_error().unwrap_or_else(|| plain(&error)),
            })?;
            let Some(code) = metadata.topics().first().and_then(|topic| topic.error()) else { return Ok(()) };
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
        let mut origin = Box::default();
        loop {
            match self.try_send(event, origin) {
                Ok(()) => return Ok(()),
                Err(Refused::Event(_, code)) => return Err(Error::Refused(code)),
                Err(Refused::Full(back)) => origin = back,
            }
            self.wait_for_room();
        }
    }

    /// Takes an event into the send queue, if there is room.
    pub fn try_send(&self, event: &Event, origin: Box<Origin>) -> Result<(), Refused> {
        let record = BaseRecord::with_opaque_to(&self.topic, origin).key(event.key()).payload(event.json());
        self.inner.send(record).map_err(|(error, record)| match error {
            KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) => {
                Refused::Full(record.delivery_opaque)
            }
            other => Refused::Event(
                record.delivery_opaque,
                other.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail),
            ),
        })
    }

    /// Gives a full queue a moment to empty.
    pub fn wait_for_room(&self) {
        std::thread::sleep(Duration::from_millis(2));
    }

    /// How many events the brokers have acknowledged.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.inner.context().delivered.load(Ordering::Relaxed)
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
    type DeliveryOpaque = Box<Origin>;

    fn delivery(&self, result: &DeliveryResult<'_>, origin: Box<Origin>) {
        let Err((error, _)) = result else {
            self.delivered.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let code = code_of(error);
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.first_failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(code);
        (self.on_failure)(&origin, code);
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
