//! Sends events to Kafka: idempotent, compressed, with a bounded send queue.

mod message;
mod outgoing;

pub use message::Message;
pub use outgoing::Outgoing;

use crate::config::Kafka;
use crate::event::Event;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, PurgeConfig, ThreadedProducer};
use rdkafka::util::Timeout;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use trace::Tracer;

/// The time limit for the first response of a broker.
const REACH: Duration = Duration::from_secs(10);

/// Our defaults, which `--kafka-option` overrides. The partitioner is that of Kafka's Java clients, so that
/// a record's events are in one partition, regardless of the sender.
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
    /// A setting that librdkafka does not know, or an invalid value.
    #[error("--kafka-option: {0}")]
    Option(String),
    /// No broker responded in time.
    #[error("no Kafka broker at {brokers} can be reached: {reason}")]
    Unreachable {
        /// The brokers.
        brokers: String,
        /// The last error of a broker or of the system.
        reason: String,
    },
    /// The brokers respond, but the topic is unavailable.
    #[error("topic {topic} at {brokers} can't be written to: {reason}")]
    Topic {
        /// The topic.
        topic: String,
        /// The brokers.
        brokers: String,
        /// The error.
        reason: String,
    },
    /// An event was not accepted into the send queue.
    #[error("an event can't be sent: {0}")]
    Refused(RDKafkaErrorCode),
    /// Events were accepted, but never acknowledged.
    #[error("{count} events were not delivered: {reason}")]
    Undelivered {
        /// The number of events since the producer was opened.
        count: u64,
        /// The reason of the first failure.
        reason: String,
    },
}

/// Why a record is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The queue is full: try again.
    Full,
    /// It will never be accepted.
    Record(RDKafkaErrorCode),
}

/// An event that was accepted and not delivered.
#[derive(Debug)]
pub struct Failed<'a> {
    /// Its line in the input.
    pub line: u64,
    /// Its key.
    pub key: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
    /// The reason.
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
    tracer: Tracer,
}

struct Deliveries {
    on_failure: OnFailure,
    failed: AtomicU64,
    first_failure: Mutex<Option<RDKafkaErrorCode>>,
    last_error: Mutex<Option<String>>,
}

impl Producer {
    /// Connects and checks the topic; waits up to ten seconds for the brokers.
    pub fn open(kafka: &Kafka, on_failure: OnFailure) -> Result<Self, Error> {
        let config = kafka.cluster.client(&SETTINGS);
        let deliveries = Deliveries {
            on_failure,
            failed: AtomicU64::new(0),
            first_failure: Mutex::new(None),
            last_error: Mutex::new(None),
        };
        let inner = config.create_with_context(deliveries).map_err(|e| Error::Option(plain(&e)))?;
        let mut producer = Self {
            inner,
            topic: kafka.topic.clone(),
            partitions: 0,
            taken: AtomicU64::new(0),
            tracer: Tracer::disabled(),
        };
        producer.partitions = producer.reach(&kafka.cluster.brokers)?;
        Ok(producer)
    }

    /// Starts traces of a sample of the events.
    #[must_use]
    pub fn with_tracer(self, tracer: Tracer) -> Self {
        Self { tracer, ..self }
    }

    /// Waits for the topic; returns its number of partitions.
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
            // A topic that the brokers create on demand appears a moment after the first request.
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

    /// Enqueues an event; waits while the queue is full.
    pub fn send(&self, event: &Event) -> Result<(), Error> {
        let outgoing = self.outgoing(event.into());
        loop {
            match self.try_send(&outgoing, 0) {
                Ok(()) => return Ok(()),
                Err(Refused::Record(code)) => return Err(Error::Refused(code)),
                Err(Refused::Full) => self.wait_for_room(),
            }
        }
    }

    /// Returns `message` with the headers to send; starts its span if it is sampled.
    #[must_use]
    pub fn outgoing<'a>(&self, message: Message<'a>) -> Outgoing<'a> {
        Outgoing::new(message, &self.tracer, &self.topic)
    }

    /// Enqueues a record if there is room; a failure is reported with `line`.
    pub fn try_send(&self, outgoing: &Outgoing<'_>, line: u64) -> Result<(), Refused> {
        let message = outgoing.message();
        let record = BaseRecord {
            topic: &self.topic,
            partition: message.partition,
            payload: Some(message.value),
            key: message.key,
            timestamp: message.timestamp,
            headers: outgoing.headers(),
            // A type that is passed along with a record without allocation.
            delivery_opaque: usize::try_from(line).unwrap_or(usize::MAX),
        };
        match self.inner.send(record) {
            Ok(()) => {
                self.taken.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => Err(Refused::Full),
            Err((error, _)) => {
                let code = code_of(&error);
                outgoing.refused(code);
                Err(Refused::Record(code))
            }
        }
    }

    /// Waits for a full queue to empty.
    pub fn wait_for_room(&self) {
        std::thread::sleep(Duration::from_millis(2));
    }

    /// Returns the topic's number of partitions when the producer was opened.
    #[must_use]
    pub const fn partitions(&self) -> i32 {
        self.partitions
    }

    /// Returns the number of acknowledged events; exact after [`Self::flush`].
    #[must_use]
    pub fn delivered(&self) -> u64 {
        // Everything that is neither in flight nor failed has been acknowledged; acknowledgements are not reported
        // one by one. A failed event is in flight until its failure is counted.
        let under_way = u64::try_from(self.inner.in_flight_count()).unwrap_or_default();
        let failed = self.inner.context().failed.load(Ordering::Acquire);
        self.taken.load(Ordering::Acquire).saturating_sub(under_way + failed)
    }

    /// Waits until every event is acknowledged or has failed; returns an error if any has failed since the start.
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

    /// Drops everything that is not acknowledged; [`Self::flush`] then returns immediately.
    pub fn abandon(&self) {
        self.inner.purge(PurgeConfig::default().queue().inflight());
    }

    /// Returns librdkafka's last error of a broker.
    #[must_use]
    pub fn last_error(&self) -> Option<String> {
        self.inner.context().last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientContext for Deliveries {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        // "All brokers down" follows from the errors of each of them.
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

/// Returns the error's text without the name of its Rust type.
fn plain(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, description, key, value) => format!("{description} ({key}={value})"),
        KafkaError::ClientCreation(description) => description.clone(),
        other => other.rdkafka_error_code().map_or_else(|| other.to_string(), |code| code.to_string()),
    }
}
