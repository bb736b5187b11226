//! The program and a mock cluster for it.

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use rdkafka::{Offset, TopicPartitionList};
use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const PARTITIONS: i32 = 2;

/// A mock cluster in this process, with the topics `ratings` and `ratings.dlq`.
pub(crate) struct Broker(MockCluster<'static, DefaultProducerContext>);

impl Broker {
    pub(crate) fn start() -> Self {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("ratings", PARTITIONS, 1).unwrap();
        cluster.create_topic("ratings.dlq", 1, 1).unwrap();
        Self(cluster)
    }

    pub(crate) fn servers(&self) -> String {
        self.0.bootstrap_servers()
    }

    /// Returns the command of the program, with the broker's address.
    pub(crate) fn command(&self) -> Command {
        let mut command = program();
        command.env("KAFKA_BROKERS", self.0.bootstrap_servers());
        command
    }

    /// Returns keys and values of `ratings`, once there are `count` of them, ordered by value.
    pub(crate) fn events(&self, count: usize) -> Vec<(String, String)> {
        let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
        let mut events = self.read(count, |message| (text(message.key()), text(message.payload())));
        events.sort_by(|a, b| a.1.cmp(&b.1));
        events
    }

    /// Returns the content types of the first `count` records of `ratings` that have one.
    pub(crate) fn content_types(&self, count: usize) -> Vec<String> {
        let headers = self.read(count, |message| {
            let headers = message.headers()?;
            let found = headers.iter().find(|header| header.key == "content-type")?;
            Some(String::from_utf8(found.value?.to_vec()).unwrap())
        });
        headers.into_iter().flatten().collect()
    }

    /// Returns what `each` returns for the first `count` records of `ratings`.
    pub(crate) fn read<T>(&self, count: usize, each: impl Fn(&BorrowedMessage<'_>) -> T) -> Vec<T> {
        let consumer = self.consumer();
        let mut partitions = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            partitions.add_partition_offset("ratings", partition, Offset::Beginning).unwrap();
        }
        consumer.assign(&partitions).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut read = Vec::new();
        while read.len() < count && Instant::now() < deadline {
            if let Some(message) = consumer.poll(Duration::from_millis(100)) {
                read.push(each(&message.unwrap()));
            }
        }
        assert_eq!(read.len(), count);
        read
    }

    fn consumer(&self) -> BaseConsumer {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.0.bootstrap_servers()).set("group.id", "test").create().unwrap()
    }

    /// Returns the number of records in each partition of a topic.
    pub(crate) fn ends(&self, topic: &str) -> Vec<i64> {
        let consumer = self.consumer();
        let end = |partition| consumer.fetch_watermarks(topic, partition, Duration::from_secs(10)).unwrap().1;
        (0..PARTITIONS).map(end).collect()
    }

    /// Adds a record with the key `key`.
    pub(crate) fn put(&self, topic: &str, value: Option<&str>, headers: &[(&str, &str)]) {
        let mut config = ClientConfig::new();
        let producer: BaseProducer =
            config.set("bootstrap.servers", self.0.bootstrap_servers()).create().unwrap();
        let mut record = BaseRecord::<str, str>::to(topic).key("key").partition(0);
        record.payload = value;
        let headers = headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(Header { key, value: Some(*value) })
        });
        producer.send(record.headers(headers)).map_err(|(error, _)| error).unwrap();
        producer.flush(Duration::from_secs(10)).unwrap();
    }
}

pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ratingingester"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub(crate) fn feed(mut command: Command, input: &str) -> Output {
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

pub(crate) fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}
