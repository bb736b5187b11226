//! librdkafka's mock cluster, with a producer and a plain reader.

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::mocking::{MockCluster, MockCoordinator};
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::{Offset, TopicPartitionList};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A cluster of one broker with the topics of the service.
pub(crate) struct Broker {
    cluster: MockCluster<'static, DefaultProducerContext>,
    producer: BaseProducer,
}

/// A record as it was read.
pub(crate) struct Letter {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    headers: Vec<(String, Vec<u8>)>,
}

impl Letter {
    pub(crate) fn header(&self, key: &str) -> String {
        let found = self.headers.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| String::from_utf8(value.clone()).unwrap()).unwrap_or_default()
    }
}

impl Broker {
    /// How it is consumed from with little waiting.
    pub(crate) const OPTIONS: [&str; 2] = ["session.timeout.ms=3500", "heartbeat.interval.ms=500"];

    pub(crate) fn start(partitions: i32) -> Self {
        Self::start_cluster(1, partitions)
    }

    /// A cluster of several brokers; the first coordinates the service's group.
    pub(crate) fn start_cluster(brokers: i32, partitions: i32) -> Self {
        let cluster = MockCluster::new(brokers).unwrap();
        cluster.coordinator(MockCoordinator::Group("ratings".to_owned()), 1).unwrap();
        cluster.create_topic("ratings", partitions, 1).unwrap();
        cluster.create_topic("ratings.dlq", 1, 1).unwrap();
        let producer = ClientConfig::new()
            .set("bootstrap.servers", cluster.bootstrap_servers())
            .set("compression.type", "lz4")
            .create()
            .unwrap();
        Self { cluster, producer }
    }

    pub(crate) fn topic(&self) -> &str {
        "ratings"
    }

    pub(crate) fn servers(&self) -> String {
        self.cluster.bootstrap_servers()
    }

    /// Makes the brokers respond to the next requests of a kind with these errors.
    pub(crate) fn fail_next(&self, api: RDKafkaApiKey, errors: &[RDKafkaRespErr]) {
        self.cluster.request_errors(api, errors);
    }

    /// Makes the brokers describe a topic with this error.
    pub(crate) fn fail_topic(&self, topic: &str, error: RDKafkaRespErr) {
        self.cluster.topic_error(topic, error).unwrap();
    }

    pub(crate) fn cluster(&self) -> String {
        self.producer.client().fetch_cluster_id(Duration::from_secs(5)).unwrap()
    }

    /// Makes `broker` the leader of a partition, or leaves the partition without one.
    pub(crate) fn set_leader(&self, partition: i32, broker: Option<i32>) {
        self.cluster.partition_leader("ratings", partition, broker).unwrap();
    }

    /// Disconnects `broker`, which stays the leader of its partitions, or lets it be reached again.
    pub(crate) fn set_down(&self, broker: i32, down: bool) {
        let set = if down { MockCluster::broker_down } else { MockCluster::broker_up };
        set(&self.cluster, broker).unwrap();
    }

    pub(crate) fn produce(&self, events: &[(String, String)]) {
        for (key, value) in events {
            self.producer.send(BaseRecord::to("ratings").key(key).payload(value)).unwrap();
        }
        self.producer.flush(Duration::from_secs(10)).unwrap();
    }

    pub(crate) fn send(&self, key: Option<&[u8]>, value: Option<&[u8]>, headers: &[(&str, &[u8])]) {
        let mut all = OwnedHeaders::new();
        for (key, value) in headers {
            all = all.insert(Header { key, value: Some(*value) });
        }
        let mut record = BaseRecord::<[u8], [u8]>::to("ratings").partition(0).headers(all);
        record.key = key;
        record.payload = value;
        self.producer.send(record).map_err(|(error, _)| error).unwrap();
        self.producer.flush(Duration::from_secs(10)).unwrap();
    }

    /// The first `count` records of a topic's partition 0.
    pub(crate) fn read(&self, topic: &str, count: usize) -> Vec<Letter> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.servers())
            .set("group.id", "reader")
            .create()
            .unwrap();
        let mut partitions = TopicPartitionList::new();
        partitions.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
        consumer.assign(&partitions).unwrap();
        let (mut letters, deadline) = (Vec::new(), Instant::now() + Duration::from_secs(20));
        while letters.len() < count {
            assert!(Instant::now() < deadline, "{} of {count} records in {topic}", letters.len());
            let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
            let message = message.unwrap();
            let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
            letters.push(Letter {
                key: message.key().map(<[u8]>::to_vec),
                value: message.payload().map(<[u8]>::to_vec),
                headers: headers
                    .map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec()))
                    .collect(),
            });
        }
        letters
    }
}

/// Another member of the service's group, which is given partitions and applies nothing.
pub(crate) struct Member {
    leave: Arc<AtomicBool>,
    polling: JoinHandle<()>,
}

impl Member {
    pub(crate) fn join(broker: &Broker) -> Self {
        let mut settings = ClientConfig::new();
        settings.set("bootstrap.servers", broker.servers()).set("group.id", broker.topic());
        settings
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("enable.auto.commit", "false");
        for (key, value) in Broker::OPTIONS.iter().filter_map(|option| option.split_once('=')) {
            settings.set(key, value);
        }
        let consumer: BaseConsumer = settings.create().unwrap();
        consumer.subscribe(&[broker.topic()]).unwrap();
        let leave = Arc::new(AtomicBool::new(false));
        let left = Arc::clone(&leave);
        let polling = std::thread::spawn(move || {
            while !left.load(Ordering::Acquire) {
                consumer.poll(Duration::from_millis(20));
            }
        });
        Self { leave, polling }
    }

    pub(crate) fn leave(self) {
        self.leave.store(true, Ordering::Release);
        self.polling.join().unwrap();
    }
}
