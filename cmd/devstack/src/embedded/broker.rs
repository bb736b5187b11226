//! The embedded broker: librdkafka's mock cluster behind a fixed port.
//!
//! It starts empty, and keeps a few megabytes per partition.

use super::endpoint::reachable;
use crate::stack::topics::{PARTITIONS, RATINGS};
use anyhow::Context;
use rdkafka::error::KafkaResult;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::JoinHandle;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

/// The id of the only broker of the cluster.
const ID: i32 = 1;

/// A running broker; it stops when dropped.
pub struct Broker {
    address: SocketAddr,
    forwarding: AbortHandle,
    control: Control,
    thread: Option<JoinHandle<()>>,
}

/// Stops the broker for a while. Clones control the same broker.
#[derive(Clone)]
pub struct Control(mpsc::Sender<Command>);

/// A command for the thread of the cluster.
enum Command {
    /// Accepts connections, or closes all and refuses new ones.
    SetUp(bool, oneshot::Sender<KafkaResult<()>>),
    /// Ends the cluster.
    End,
}

impl Broker {
    /// Starts a broker on `listen`.
    pub async fn start(listen: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(listen).await;
        let listener = listener.with_context(|| format!("the broker can't listen on {listen}"))?;
        let address = listener.local_addr()?;
        let (started, servers) = oneshot::channel();
        let (commands, received) = mpsc::channel();
        // The cluster must be dropped on the thread that created it.
        let thread = std::thread::Builder::new().name("broker".to_owned()).spawn(move || {
            let cluster = cluster();
            let servers = cluster.as_ref().map(MockCluster::bootstrap_servers);
            if started.send(servers.map_err(ToString::to_string)).is_ok()
                && let Ok(cluster) = cluster
            {
                execute(&cluster, &received);
            }
        })?;
        let servers = servers.await?.map_err(|reason| anyhow::anyhow!("the broker can't start: {reason}"))?;
        let forwarding = tokio::spawn(forward(listener, servers)).abort_handle();
        Ok(Self { address, forwarding, control: Control(commands), thread: Some(thread) })
    }

    /// Returns the address for `--kafka`.
    #[must_use]
    pub fn servers(&self) -> String {
        reachable(self.address).to_string()
    }

    /// Returns its control.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }
}

impl Control {
    /// Makes the broker accept connections, or close all and refuse new ones. It keeps what was sent to it.
    ///
    /// # Errors
    ///
    /// If the broker has ended, or rejects the command.
    pub async fn set_up(&self, up: bool) -> anyhow::Result<()> {
        let (reply, done) = oneshot::channel();
        let ended = "the broker has ended";
        self.0.send(Command::SetUp(up, reply)).ok().context(ended)?;
        Ok(done.await.context(ended)??)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.forwarding.abort();
        // The thread may have ended.
        let _ = self.control.0.send(Command::End);
        if let Some(thread) = self.thread.take() {
            // Its panic has already been reported.
            let _ = thread.join();
        }
    }
}

type Cluster = MockCluster<'static, DefaultProducerContext>;

/// Executes commands until the last one.
fn execute(cluster: &Cluster, commands: &mpsc::Receiver<Command>) {
    while let Ok(Command::SetUp(up, reply)) = commands.recv() {
        let done = if up { cluster.broker_up(ID) } else { cluster.broker_down(ID) };
        // The caller may have stopped waiting.
        let _ = reply.send(done);
    }
}

fn cluster() -> KafkaResult<Cluster> {
    let cluster = MockCluster::new(1)?;
    cluster.create_topic(RATINGS, PARTITIONS, 1)?;
    // Clients cannot create topics here, so the dead-letter topic is created in advance.
    cluster.create_topic(&format!("{RATINGS}.dlq"), 1, 1)?;
    Ok(cluster)
}

/// Forwards every connection to the cluster, whose own port cannot be chosen.
async fn forward(listener: TcpListener, servers: String) {
    loop {
        let Ok((mut client, _)) = listener.accept().await else {
            // Most likely out of file descriptors.
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            continue;
        };
        let servers = servers.clone();
        tokio::spawn(async move {
            if let Ok(mut broker) = TcpStream::connect(servers).await {
                let _ = (client.set_nodelay(true), broker.set_nodelay(true));
                // Either side may close the connection at any time.
                let _ = tokio::io::copy_bidirectional(&mut client, &mut broker).await;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loading::lag::Lag;
    use ratingingester::config::{Cluster, Kafka};
    use ratingingester::{Event, Producer};
    use rdkafka::consumer::{BaseConsumer, Consumer as _};
    use std::time::Duration;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nothing_is_created_if_the_topic_exists() {
        let broker = Broker::start(([127, 0, 0, 1], 0).into()).await.unwrap();
        let cluster = Cluster { brokers: broker.servers(), options: Vec::new() };
        crate::stack::topics::create_missing(&cluster).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn it_is_reached_on_its_own_port_and_keeps_what_is_sent() {
        let broker = Broker::start(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let cluster = Cluster { brokers: broker.servers(), options: Vec::new() };
        let kafka = Kafka { cluster, topic: "ratings".into() };
        let behind = tokio::task::spawn_blocking(move || {
            let producer = Producer::open(&kafka, Box::new(|_| ())).unwrap();
            let lag = Lag::open(&kafka.cluster, &kafka.topic, "rating").unwrap();
            assert_eq!(lag.behind().unwrap(), 0);
            let json = br#"{"userId":"u","recordId":"1","recordType":"movie","value":7}"#;
            for _ in 0..5 {
                producer.send(&Event::from_json(json).unwrap()).unwrap();
            }
            producer.flush().unwrap();
            lag.behind().unwrap()
        });
        assert_eq!(behind.await.unwrap(), 5);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn stopped_broker_refuses_connections_until_it_is_started_and_keeps_its_topics() {
        let broker = Broker::start(([127, 0, 0, 1], 0).into()).await.unwrap();
        let cluster = Cluster { brokers: broker.servers(), options: Vec::new() };
        broker.control().set_up(false).await.unwrap();
        let kafka = cluster.clone();
        let unreachable = tokio::task::spawn_blocking(move || {
            let consumer: BaseConsumer = kafka.client(&[]).create().unwrap();
            consumer.fetch_metadata(Some(RATINGS), Duration::from_millis(500)).is_err()
        });
        assert!(unreachable.await.unwrap());
        broker.control().set_up(true).await.unwrap();
        crate::stack::topics::create_missing(&cluster).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn broker_ends_although_a_control_is_left() {
        let broker = Broker::start(([127, 0, 0, 1], 0).into()).await.unwrap();
        let control = broker.control();
        tokio::task::spawn_blocking(move || drop(broker)).await.unwrap();
        assert!(control.set_up(false).await.is_err());
    }
}
