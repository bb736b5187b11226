//! A service that is started before its broker, longer than one attempt to create a topic takes.

use crate::broker::Broker;
use crate::puts;
use crate::service::{Service, wait_for};
use rating::repository::memory;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// Longer than the brokers may take to create a topic.
const OUTAGE: Duration = Duration::from_secs(11);

pub(crate) async fn a_bad_event_goes_on_after_the_broker_appears_later_than_the_service() {
    let broker = Broker::start(1).await;
    broker.send(None, None, Some(b"bad"));
    broker.produce(&puts(0..10));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let service = Service::start_with(&broker, Arc::new(memory::Repository::new()), |config| {
        config.kafka = Some(address.to_string());
    });
    wait_for("the outage to be reported", || async {
        service.ready().is_err_and(|trouble| trouble.contains("no Kafka broker can be reached"))
    })
    .await;
    tokio::time::sleep(OUTAGE).await;
    let listener = TcpListener::bind(address).await.unwrap();
    let servers = broker.servers();
    let forwarding = tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(&servers).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut server).await });
        }
    });
    wait_for("the events", || async { service.events("created") == 10 && service.is_ready() }).await;
    assert_eq!(broker.read_dead_letters(1)[0].value.as_deref(), Some(&b"bad"[..]));
    service.stop().await;
    forwarding.abort();
}
