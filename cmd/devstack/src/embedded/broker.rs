//! The embedded broker: librdkafka's mock cluster behind a fixed port.
//!
//! It starts empty, and keeps a few megabytes per partition.

use crate::embedded::registry::reachable;
use crate::stack::topics::{PARTITIONS, RATINGS};
use anyhow::Context;
use rdkafka::mocking::MockCluster;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::JoinHandle;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

/// A running broker; it stops when dropped.
pub struct Broker {
    address: SocketAddr,
    forwarding: AbortHandle,
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Broker {
    /// Starts a broker on `listen`.
    pub async fn start(listen: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(listen).await;
        let listener = listener.with_context(|| format!("the broker can't listen on {listen}"))?;
        let address = listener.local_addr()?;
        let (started, servers) = oneshot::channel();
        let (stop, stopped) = mpsc::channel::<()>();
        // The cluster must be dropped on the thread that created it.
        let thread = std::thread::Builder::new().name("broker".to_owned()).spawn(move || {
            let cluster = cluster();
            let servers = cluster.as_ref().map(MockCluster::bootstrap_servers);
            if started.send(servers.map_err(ToString::to_string)).is_ok() {
                // Returns when the other side is dropped.
                let _ = stopped.recv();
            }
        })?;
        let servers = servers.await?.map_err(|reason| anyhow::anyhow!("the broker can't start: {reason}"))?;
        let forwarding = tokio::spawn(forward(listener, servers)).abort_handle();
        Ok(Self { address, forwarding, stop: Some(stop), thread: Some(thread) })
    }

    /// Returns the address for `--kafka`.
    #[must_use]
    pub fn servers(&self) -> String {
        reachable(self.address).to_string()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.forwarding.abort();
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // Its panic has already been reported.
            let _ = thread.join();
        }
    }
}

fn cluster() -> rdkafka::error::KafkaResult<MockCluster<'static, rdkafka::producer::DefaultProducerContext>> {
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
}
