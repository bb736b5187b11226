//! Brokers, topics and partitions that come, grow, go and are not the ones that they were.

use crate::broker::Broker;
use crate::puts;
use crate::service::{Service, wait_for};
use rating::ingester::OnLostOffset;
use rating::repository::memory;
use rdkafka::producer::Producer;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

pub(crate) type Repository = Arc<memory::Repository>;

pub(crate) async fn wait_trouble(service: &Service, reason: &str) {
    wait_for(reason, || async { service.ready().is_err_and(|trouble| trouble.contains(reason)) }).await;
}

/// Ingests the first users' ratings and stops again.
async fn ingest(broker: &Broker, repository: &Repository, users: usize) {
    broker.produce(&puts(0..users));
    let service = Service::start(broker, repository.clone());
    wait_for("the first events", || async { service.report().events.created == users as u64 }).await;
    service.stop().await;
}

/// Deletes the topic, and makes one of its name that holds other users' ratings.
async fn make_again(broker: &Broker, users: Range<usize>) {
    // A producer that has seen the topic go may drop what it is given; this one is connected, and has not.
    let producer = broker.producer("lz4");
    producer.client().fetch_cluster_id(Duration::from_secs(30)).unwrap();
    broker.delete().await;
    broker.create(broker.topic(), 1, &[]).await;
    broker.produce_by(&producer, &puts(users));
}

/// The topic is refused for `reason`, and read from its beginning where that is wanted.
async fn stops_or_starts_over(broker: &Broker, repository: &Repository, reason: &str, events: usize) {
    let refused = Service::start(broker, repository.clone());
    wait_trouble(&refused, reason).await;
    assert!(refused.ready().is_err_and(|trouble| trouble.contains("--on-lost-offset earliest")));
    assert_eq!(refused.report().batches.count, 0);
    refused.stop().await;
    let over = Service::start_with(broker, repository.clone(), |config| {
        config.on_lost_offset = OnLostOffset::Earliest;
    });
    wait_for("the events from the beginning", || async {
        let told = over.report();
        told.events.created + told.events.replaced + told.events.unchanged == events as u64 && told.ready
    })
    .await;
    over.stop().await;
}

pub(crate) async fn a_topic_that_appears_later_is_read() {
    let broker = Broker::without_topic();
    let service = Service::start(&broker, Arc::new(memory::Repository::new()));
    wait_trouble(&service, &format!("topic {} does not exist: create it", broker.topic())).await;
    broker.create(broker.topic(), 2, &[]).await;
    broker.produce(&puts(0..10));
    wait_for("the events", || async { service.events("created") == 10 && service.is_ready() }).await;
    service.stop().await;
}

pub(crate) async fn partitions_that_are_added_are_read() {
    let broker = Broker::start(1).await;
    let service = Service::start(&broker, Arc::new(memory::Repository::new()));
    broker.produce(&puts(0..10));
    wait_for("the first partition", || async { service.events("created") == 10 }).await;
    broker.add_partitions(3).await;
    wait_for("the new partitions", || async { service.report().assigned_partitions == 3 }).await;
    for (key, value) in puts(10..20) {
        broker.send(Some(2), Some(key.as_bytes()), Some(value.as_bytes()));
    }
    broker.flush();
    wait_for("their events", || async { service.events("created") == 20 }).await;
    assert_eq!((service.ready(), service.events("unchanged")), (Ok(()), 0));
    service.stop().await;
}

pub(crate) async fn a_broker_that_appears_later_is_found() {
    let broker = Broker::start(1).await;
    broker.produce(&puts(0..10));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let service = Service::start_with(&broker, Arc::new(memory::Repository::new()), |config| {
        config.kafka = Some(address.to_string());
    });
    wait_trouble(&service, "no Kafka broker can be reached").await;
    let listener = TcpListener::bind(address).await.unwrap();
    let servers = broker.servers();
    let forwarding = tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(&servers).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut server).await });
        }
    });
    wait_for("the events", || async { service.events("created") == 10 && service.is_ready() }).await;
    service.stop().await;
    forwarding.abort();
}

pub(crate) async fn a_shorter_topic_of_the_same_name_stops_or_starts_over() {
    let (broker, repository) = (Broker::start(1).await, Repository::default());
    ingest(&broker, &repository, 10).await;
    make_again(&broker, 0..3).await;
    stops_or_starts_over(&broker, &repository, "the topic ends at 3", 3).await;
}

pub(crate) async fn a_longer_topic_of_the_same_name_stops_or_starts_over() {
    let (broker, repository) = (Broker::start(1).await, Repository::default());
    ingest(&broker, &repository, 10).await;
    make_again(&broker, 5..25).await;
    stops_or_starts_over(&broker, &repository, "is not the one that was applied", 20).await;
}

pub(crate) async fn a_topic_made_again_while_it_is_read_stops() {
    let broker = Broker::start(1).await;
    let service = Service::start(&broker, Arc::new(memory::Repository::new()));
    broker.produce(&puts(0..10));
    wait_for("the first events", || async { service.events("created") == 10 }).await;
    broker.delete().await;
    wait_trouble(&service, "does not exist").await;
    broker.create(broker.topic(), 1, &[]).await;
    broker.produce(&puts(10..30));
    // By its digest or by its end: it may be looked at before it is filled.
    wait_trouble(&service, "is stopped").await;
    assert_eq!(service.events("created"), 10);
    service.stop().await;
}

pub(crate) async fn a_topic_made_again_before_anyone_looks_stops() {
    let broker = Broker::start(1).await;
    let service = Service::start(&broker, Arc::new(memory::Repository::new()));
    broker.produce(&puts(0..10));
    wait_for("the first events", || async { service.events("created") == 10 }).await;
    broker.delete().await;
    broker.create(broker.topic(), 1, &[]).await;
    broker.produce(&puts(10..13));
    wait_trouble(&service, "the topic ends at 3").await;
    assert_eq!(service.events("created"), 10);
    service.stop().await;
}

pub(crate) async fn an_offset_that_retention_has_dropped_stops_or_starts_over() {
    let (broker, repository) = (Broker::start(1).await, Repository::default());
    ingest(&broker, &repository, 10).await;
    broker.produce(&puts(10..30));
    broker.delete_records(15).await;
    stops_or_starts_over(&broker, &repository, "the topic begins at 15", 15).await;
}

pub(crate) async fn consumer_that_is_replaced_leaves_no_partitions_in_the_report() {
    let (broker, repository) = (Broker::start(2).await, Repository::default());
    ingest(&broker, &repository, 10).await;
    make_again_with_partitions(&broker, 2).await;
    let service = Service::start_with(&broker, repository, |config| {
        config.options.push(("group.instance.id".to_owned(), "one".to_owned()));
    });
    wait_trouble(&service, "is stopped").await;
    assert_eq!(service.report().partitions.len(), 2);
    // Another member of the same name: the first one's consumer may not go on.
    let other = broker.join_as("one");
    wait_trouble(&service, "the Kafka consumer failed").await;
    let report = service.report();
    assert!(report.partitions.is_empty(), "{report:?}");
    assert!(!report.trouble.unwrap_or_default().contains("is stopped"));
    drop(other);
    // The consumer that replaces it finds out for itself.
    wait_trouble(&service, "is stopped").await;
    service.stop().await;
}

/// Deletes the topic, and makes an empty one of its name.
async fn make_again_with_partitions(broker: &Broker, partitions: i32) {
    broker.delete().await;
    broker.create(broker.topic(), partitions, &[]).await;
}
