//! Realistic events, and a thread that sends them as fast as allowed.

use api::rating::v1 as proto;
use libtest_mimic::Failed;
use prost::Message;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

const RECORDS: f64 = 5_000.0;
const USERS: u32 = 20_000;

/// The number of recent ratings that may be sent again, changed or deleted.
const REMEMBERED: usize = 2_000;

/// A record for the topic.
#[derive(Clone, Debug, Default)]
pub(crate) struct Event {
    pub(crate) key: String,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) protobuf: bool,
}

/// Generates events: new ratings of records of unequal popularity, duplicates, changes, deletes, and a few
/// invalid ones.
pub(crate) struct Events {
    random: StdRng,
    made: u64,
    last: Vec<(u32, u32, Event)>,
}

impl Events {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: StdRng::seed_from_u64(seed), made: 0, last: Vec::new() }
    }

    fn rating(&mut self, record: u32, user: u32) -> Event {
        let value = self.random.random_range(1..=10);
        // Some have a time, others leave it to Kafka.
        let rated_at = 1_700_000_000_000 + i64::try_from(self.made).unwrap_or_default();
        let key = format!("movie/{record}");
        if self.random.random_ratio(1, 10) {
            let event = proto::RatingEvent {
                user_id: format!("user-{user}"),
                record_id: record.to_string(),
                record_type: "movie".to_owned(),
                value,
                provider_id: "protobuf".to_owned(),
                rated_at: Some(rated_at),
                ..Default::default()
            };
            return Event { key, value: Some(event.encode_to_vec()), protobuf: true };
        }
        let provider = if self.random.random() { r#","providerId":"json""# } else { "" };
        let millis = rated_at % 1_000;
        let seconds = rated_at / 1_000 % 60;
        let value = format!(
            r#"{{"userId":"user-{user}","recordId":"{record}","recordType":"movie","value":{value}{provider},"ratedAt":"2026-11-21T12:00:{seconds:02}.{millis:03}Z"}}"#
        );
        Event { key, value: Some(value.into()), protobuf: false }
    }

    fn remembered(&mut self) -> Option<(u32, u32, Event)> {
        let place = self.random.random_range(0..REMEMBERED);
        self.last.get(place).cloned()
    }

    fn poison(&mut self, key: String) -> Event {
        let value = match self.random.random_range(0..5) {
            0 => None,
            1 => Some(Vec::new()),
            2 => Some(b"{\"userId\":".to_vec()),
            3 => Some(br#"{"userId":"u","recordId":"1","recordType":"movie","value":11}"#.to_vec()),
            _ => Some(vec![0xff; 300]),
        };
        Event { key, value, protobuf: false }
    }
}

impl Iterator for Events {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.made += 1;
        let (chance, earlier) = (self.random.random_range(0..1_000), self.remembered());
        let event = match (chance, earlier) {
            (0, Some((.., event))) => self.poison(event.key),
            (1..100, Some((.., event))) => event,
            (100..250, Some((record, user, _))) => self.rating(record, user),
            (250..330, Some((record, user, event))) => {
                let value = format!(
                    r#"{{"userId":"user-{user}","recordId":"{record}","recordType":"movie","eventType":"delete"}}"#
                );
                Event { value: Some(value.into()), protobuf: false, ..event }
            }
            _ => {
                // The lower the number, the more popular.
                let record = (self.random.random::<f64>().powi(2) * RECORDS) as u32;
                let user = self.random.random_range(0..USERS);
                let event = self.rating(record, user);
                let place = self.random.random_range(0..REMEMBERED);
                match self.last.get_mut(place) {
                    Some(last) => *last = (record, user, event.clone()),
                    None => self.last.push((record, user, event.clone())),
                }
                event
            }
        };
        Some(event)
    }
}

/// Sends events, each once, whatever happens to the broker.
pub(crate) struct Sender {
    producer: BaseProducer,
    topic: String,
}

impl Sender {
    pub(crate) fn new(brokers: &str, topic: &str) -> Result<Self, Failed> {
        let mut settings = ClientConfig::new();
        settings.set("bootstrap.servers", brokers).set("enable.idempotence", "true");
        settings.set("compression.type", "lz4").set("linger.ms", "5");
        settings.set("queue.buffering.max.messages", "200000").set("message.timeout.ms", "600000");
        Ok(Self { producer: settings.create()?, topic: topic.to_owned() })
    }

    pub(crate) fn send(&self, event: &Event, partition: Option<i32>) -> Result<(), Failed> {
        loop {
            let mut record = BaseRecord::to(&self.topic).key(&event.key);
            record.payload = event.value.as_ref();
            record.partition = partition;
            if event.protobuf {
                let header = Header { key: "content-type", value: Some("application/x-protobuf") };
                record.headers = Some(OwnedHeaders::new().insert(header));
            }
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    self.producer.poll(Duration::from_millis(50));
                }
                Err((error, _)) => return Err(error.into()),
            }
        }
    }

    /// Waits until all events are delivered.
    pub(crate) fn finish(&self) -> Result<(), Failed> {
        Ok(self.producer.flush(Duration::from_secs(180))?)
    }
}

/// A thread that sends events up to a number that is raised in the course of the case.
pub(crate) struct Flow {
    released: Arc<AtomicU64>,
    sending: JoinHandle<Result<(), String>>,
}

impl Flow {
    pub(crate) fn start(brokers: &str, topic: &str, seed: u64, count: u64) -> Result<Self, Failed> {
        let (released, sender) = (Arc::new(AtomicU64::new(0)), Sender::new(brokers, topic)?);
        let limit = Arc::clone(&released);
        let sending = std::thread::spawn(move || {
            for (sent, event) in (0..count).zip(Events::new(seed)) {
                while sent >= limit.load(Ordering::Relaxed) {
                    sender.producer.poll(Duration::from_millis(5));
                }
                sender.send(&event, None).map_err(|error| error.message().unwrap_or_default().to_owned())?;
            }
            sender.finish().map_err(|error| error.message().unwrap_or_default().to_owned())
        });
        Ok(Self { released, sending })
    }

    /// Allows the first `count` events to be sent.
    pub(crate) fn release(&self, count: u64) {
        self.released.store(count, Ordering::Relaxed);
    }

    /// Allows everything to be sent, and waits until it is delivered.
    pub(crate) fn finish(self) -> Result<(), Failed> {
        self.release(u64::MAX);
        Ok(self.sending.join().map_err(|_| "the sender panicked")??)
    }
}
