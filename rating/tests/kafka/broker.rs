//! Topics of a test's own on a real Apache Kafka, with a producer, a plain reader and what its tools can do.

use rdkafka::admin::{
    AdminClient, AdminOptions, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// The variable that holds `HOST:PORT` of a broker on which topics may be made.
const SERVER: &str = "MARQUEE_TEST_KAFKA";

const PATIENCE: Duration = Duration::from_secs(30);

/// A broker, and the name of a topic that nobody else uses.
pub(crate) struct Broker {
    servers: String,
    topic: String,
    producer: BaseProducer,
    admin: AdminClient<DefaultClientContext>,
}

/// A record as it was read.
pub(crate) struct Letter {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: BTreeMap<String, String>,
}

/// The broker that the variable names; the reason why tests are ignored, where it names none.
pub(crate) fn server() -> Result<String, String> {
    std::env::var(SERVER).map_err(|_| format!("{SERVER} names no Kafka broker"))
}

impl Broker {
    /// How it is consumed from with little waiting; less of a session's time the broker refuses.
    pub(crate) const OPTIONS: [&str; 3] =
        ["session.timeout.ms=6000", "heartbeat.interval.ms=500", "topic.metadata.refresh.interval.ms=1000"];

    pub(crate) fn without_topic() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let servers = server().unwrap();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
        let topic = format!("ratings-{now}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &servers);
        let admin = config.create().unwrap();
        config.set("compression.type", "lz4").set("message.max.bytes", "4000000").set("linger.ms", "20");
        // A topic or a partition that was made a moment ago may not be known everywhere.
        config
            .set("topic.metadata.refresh.fast.interval.ms", "50")
            .set("topic.metadata.refresh.interval.ms", "500");
        Self { servers, topic, producer: config.create().unwrap(), admin }
    }

    pub(crate) async fn start(partitions: i32) -> Self {
        let broker = Self::without_topic();
        broker.create(&broker.topic, partitions, &[]).await;
        broker
    }

    pub(crate) fn topic(&self) -> &str {
        &self.topic
    }

    pub(crate) fn servers(&self) -> String {
        self.servers.clone()
    }

    pub(crate) fn dead_letters(&self) -> String {
        format!("{}.dlq", self.topic)
    }

    pub(crate) async fn create(&self, topic: &str, partitions: i32, config: &[(&str, &str)]) {
        let fresh = || {
            let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
            config.iter().fold(new, |new, (key, value)| new.set(key, value))
        };
        // The name of a topic that is being deleted is free only after a while.
        let deadline = Instant::now() + PATIENCE;
        while let [Err((_, code))] = self.admin.create_topics(&[fresh()], &options()).await.unwrap()[..] {
            assert!(Instant::now() < deadline, "{topic} can't be made: {code}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) async fn delete(&self) {
        self.delete_topic(&self.topic).await;
    }

    pub(crate) async fn delete_topic(&self, topic: &str) {
        let deleted = self.admin.delete_topics(&[topic], &options()).await.unwrap();
        assert!(deleted[0].is_ok(), "{deleted:?}");
    }

    pub(crate) async fn add_partitions(&self, count: usize) {
        let added = self.admin.create_partitions(&[NewPartitions::new(&self.topic, count)], &options()).await;
        assert!(added.unwrap()[0].is_ok());
    }

    /// Deletes what comes before `offset` in partition 0, as retention does.
    pub(crate) async fn delete_records(&self, offset: i64) {
        let mut until = TopicPartitionList::new();
        until.add_partition_offset(&self.topic, 0, Offset::Offset(offset)).unwrap();
        self.admin.delete_records(&until, &options()).await.unwrap();
    }

    pub(crate) fn partitions(&self, topic: &str) -> usize {
        let metadata = self.producer.client().fetch_metadata(Some(topic), PATIENCE).unwrap();
        metadata.topics().iter().map(|topic| topic.partitions().len()).sum()
    }

    pub(crate) fn produce(&self, events: &[(String, String)]) {
        for (key, value) in events {
            self.send(None, Some(key.as_bytes()), Some(value.as_bytes()));
        }
        self.flush();
    }

    /// Sends events in one transaction, which is committed or aborted.
    pub(crate) fn transaction(&self, events: &[(String, String)], commit: bool) {
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", &self.servers)
            .set("transactional.id", &self.topic)
            .create()
            .unwrap();
        producer.init_transactions(PATIENCE).unwrap();
        producer.begin_transaction().unwrap();
        for (key, value) in events {
            producer.send(BaseRecord::to(&self.topic).key(key).payload(value)).map_err(|(e, _)| e).unwrap();
        }
        producer.flush(PATIENCE).unwrap();
        if commit {
            producer.commit_transaction(PATIENCE).unwrap();
        } else {
            producer.abort_transaction(PATIENCE).unwrap();
        }
    }

    /// Sends events to partition 0 in one batch, compressed by `codec`.
    pub(crate) fn produce_compressed(&self, codec: &str, events: &[(String, String)]) {
        self.produce_by(&self.producer(codec), events);
    }

    /// Another producer, which compresses by `codec`.
    pub(crate) fn producer(&self, codec: &str) -> BaseProducer {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.servers).set("compression.type", codec);
        config.set("linger.ms", "1000").create().unwrap()
    }

    /// Sends events to partition 0 in one batch of `producer`.
    pub(crate) fn produce_by(&self, producer: &BaseProducer, events: &[(String, String)]) {
        for (key, value) in events {
            let record = BaseRecord::to(&self.topic).partition(0).key(key).payload(value);
            producer.send(record).map_err(|(e, _)| e).unwrap();
        }
        producer.flush(PATIENCE).unwrap();
    }

    /// Joins the service's group as the static member `instance`, until it is dropped.
    pub(crate) fn join_as(&self, instance: &str) -> Joined {
        let mut settings = ClientConfig::new();
        settings.set("bootstrap.servers", &self.servers).set("group.id", &self.topic);
        settings.set("partition.assignment.strategy", "cooperative-sticky");
        settings.set("group.instance.id", instance).set("session.timeout.ms", "6000");
        let consumer: BaseConsumer = settings.create().unwrap();
        consumer.subscribe(&[&self.topic]).unwrap();
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let polling = std::thread::spawn(move || {
            while let Err(std::sync::mpsc::TryRecvError::Empty) = stopped.try_recv() {
                consumer.poll(Duration::from_millis(20));
            }
        });
        Joined { stop: Some(stop), polling: Some(polling) }
    }

    /// Flips a bit of the bytes `text` where the broker stores a partition.
    pub(crate) async fn damage(&self, partition: i32, text: &[u8]) {
        let metadata = self.producer.client().fetch_metadata(Some(&self.topic), PATIENCE).unwrap();
        let broker = ResourceSpecifier::Broker(metadata.brokers()[0].id());
        let described = self.admin.describe_configs([&broker], &options()).await.unwrap();
        let folder = described[0].as_ref().unwrap().get("log.dirs").unwrap().value.clone().unwrap();
        let segment = format!("{folder}/{}-{partition}/{:020}.log", self.topic, 0);
        let bytes = fs::read(&segment).unwrap();
        let place = bytes.windows(text.len()).position(|window| window == text).unwrap();
        let file = fs::OpenOptions::new().write(true).open(&segment).unwrap();
        file.write_all_at(&[bytes[place] ^ 1], place as u64).unwrap();
    }

    /// Queues a record, to `partition` or where its key says.
    pub(crate) fn send(&self, partition: Option<i32>, key: Option<&[u8]>, value: Option<&[u8]>) {
        let mut record = BaseRecord::<[u8], [u8]>::to(&self.topic);
        (record.partition, record.key, record.payload) = (partition, key, value);
        let deadline = Instant::now() + PATIENCE;
        while let Err((error, back)) = self.producer.send(record) {
            assert!(
                matches!(error, KafkaError::MessageProduction(_)) && Instant::now() < deadline,
                "{error}"
            );
            self.producer.poll(Duration::from_millis(10));
            record = back;
        }
    }

    pub(crate) fn flush(&self) {
        self.producer.flush(PATIENCE).unwrap();
    }

    /// The first `count` dead letters, of all partitions.
    pub(crate) fn read_dead_letters(&self, count: usize) -> Vec<Letter> {
        let topic = self.dead_letters();
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.servers)
            .set("group.id", "reader")
            .create()
            .unwrap();
        let mut all = TopicPartitionList::new();
        for partition in 0..self.partitions(&topic) {
            all.add_partition_offset(&topic, partition as i32, Offset::Beginning).unwrap();
        }
        consumer.assign(&all).unwrap();
        let (mut letters, deadline) = (Vec::new(), Instant::now() + PATIENCE);
        while letters.len() < count {
            assert!(Instant::now() < deadline, "{} of {count} dead letters", letters.len());
            let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
            let message = message.unwrap();
            let text = |value: Option<&[u8]>| String::from_utf8(value.unwrap_or_default().to_vec()).unwrap();
            let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
            letters.push(Letter {
                key: message.key().map(<[u8]>::to_vec),
                value: message.payload().map(<[u8]>::to_vec),
                headers: headers.map(|header| (header.key.to_owned(), text(header.value))).collect(),
            });
        }
        letters
    }
}

/// Another member of the service's group.
pub(crate) struct Joined {
    stop: Option<std::sync::mpsc::Sender<()>>,
    polling: Option<std::thread::JoinHandle<()>>,
}

impl Drop for Joined {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(polling) = self.polling.take() {
            let _ = polling.join();
        }
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE))
}
