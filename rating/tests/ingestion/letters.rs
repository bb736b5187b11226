//! Dead letters when the database refuses rows, and when the topic of dead letters or its producer fails.

use crate::broker::Broker;
use crate::failing::Failing;
use crate::puts;
use crate::service::{self, Service, wait_for};
use rating::ingester::Delivery;
use rating::repository::memory;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use std::sync::Arc;

const REFUSED: [&str; 4] = ["u0", "u17", "u18", "u39"];

/// Ingests 40 events, four of which the database refuses, and starts again.
async fn refuse(delivery: Delivery) {
    let broker = Broker::start(1);
    broker.produce(&puts(0..40, 1));
    let repository = Arc::new(Failing::new(memory::Repository::new()));
    repository.refuse(&REFUSED);
    let start = || Service::start_with(&broker, repository.clone(), |config| config.delivery = delivery);
    let service = start();
    wait_for("the good events", || async { service.events("created") == 36 }).await;
    wait_for("the end", || async { service.report().lag == 0 && service.is_ready() }).await;
    let letters = broker.read("ratings.dlq", REFUSED.len());
    let mut offsets: Vec<_> = letters.iter().map(|letter| letter.header("offset")).collect();
    offsets.sort();
    assert_eq!(offsets, ["0", "17", "18", "39"], "{delivery}");
    for letter in &letters {
        let offset: usize = letter.header("offset").parse().unwrap();
        let (key, value) = &puts(offset..offset + 1, 1)[0];
        assert_eq!(letter.key.as_deref(), Some(key.as_bytes()));
        assert_eq!(letter.value.as_deref(), Some(value.as_bytes()));
        let reason = letter.header("reason");
        assert!(
            reason.starts_with("the database rejected it: ") && reason.contains("told to refuse"),
            "{reason}"
        );
    }
    assert_eq!((service.events("rejected"), service.events("unchanged")), (4, 0));
    assert_eq!(service::aggregate(&repository.inner, 0).await, (36, 36 * 7));
    service.stop().await;

    broker.produce(&puts(40..41, 1));
    let service = start();
    wait_for("the next event", || async { service.events("created") == 1 }).await;
    assert_eq!((service.events("rejected"), service.events("unchanged")), (0, 0), "{delivery}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_the_database_refuses_are_dead_letters_and_all_others_are_applied_once() {
    tokio::join!(refuse(Delivery::ExactlyOnce), refuse(Delivery::AtLeastOnce), refuse(Delivery::AtMostOnce),);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn producer_with_fatal_error_is_replaced() {
    let broker = Broker::start(1);
    // What a broker says to an idempotent producer that it does not know.
    broker.fail_next(
        RDKafkaApiKey::InitProducerId,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED],
    );
    broker.send(None, Some(b"bad"), &[]);
    broker.produce(&puts(0..1, 1));
    let service = Service::start(&broker, Arc::new(memory::Repository::new()));
    wait_for("the good event", || async { service.events("created") == 1 && service.is_ready() }).await;
    assert_eq!(broker.read("ratings.dlq", 1)[0].value.as_deref(), Some(&b"bad"[..]));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_that_wait_for_their_topic_are_reported_until_they_are_sent() {
    let broker = Broker::start(1);
    broker.fail_topic("ratings.dlq", RDKafkaRespErr::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
    let service = Service::start(&broker, Arc::new(memory::Repository::new()));
    service.wait_ready().await;
    broker.send(None, Some(b"bad"), &[]);
    broker.produce(&puts(0..1, 1));
    wait_for("the waiting letter to be reported", || async {
        service
            .ready()
            .is_err_and(|trouble| trouble.contains("1 dead letters are waiting to be sent to ratings.dlq"))
    })
    .await;
    assert!(service.report().trouble.is_some_and(|trouble| trouble.contains("ratings.dlq")));
    broker.fail_topic("ratings.dlq", RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR);
    wait_for("the good event", || async { service.events("created") == 1 && service.is_ready() }).await;
    service.stop().await;
}
