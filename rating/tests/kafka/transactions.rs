//! Offsets that hold no event: markers of transactions and records of aborted ones. They neither count as lag nor as
//! lost.

use crate::broker::Broker;
use crate::puts;
use crate::service::{Service, wait_for};
use crate::topics::{Repository, wait_trouble};
use std::sync::Arc;

/// Waits until everything is applied and the stored offset is `next`.
async fn wait_applied(service: &Service, created: u64, next: i64) {
    wait_for("all events and offsets", || async {
        let report = service.report();
        report.events.created == created
            && report.partitions.iter().all(|found| found.stored_offset == Some(next) && found.lag == 0)
            && report.ready
    })
    .await;
    let report = service.report();
    assert_eq!((report.lag, report.lag_seconds, report.partitions.len()), (0, 0.0, 1), "{report:?}");
}

pub(crate) async fn markers_and_aborted_records_are_no_lag() {
    let (broker, repository) = (Broker::start(1).await, Repository::default());
    broker.transaction(&puts(0..8), true);
    let service = Service::start(&broker, repository.clone());
    wait_applied(&service, 8, 9).await;
    // Three records and a marker, before which nothing else is read.
    broker.transaction(&puts(100..103), false);
    wait_applied(&service, 8, 13).await;
    broker.transaction(&puts(8..10), true);
    wait_applied(&service, 10, 16).await;
    service.stop().await;
    let service = Service::start(&broker, repository.clone());
    broker.transaction(&puts(10..12), true);
    wait_applied(&service, 2, 19).await;
    assert_eq!((service.events("unchanged"), service.events("doubled")), (0, 0));
    service.stop().await;
}

pub(crate) async fn topic_that_begins_with_aborted_records_has_no_lag() {
    let (broker, repository) = (Broker::start(1).await, Repository::default());
    broker.transaction(&puts(100..103), false);
    let service = Service::start(&broker, repository.clone());
    wait_applied(&service, 0, 4).await;
    service.stop().await;
    broker.delete_records(4).await;
    broker.transaction(&puts(0..2), true);
    let service = Service::start(&broker, repository.clone());
    wait_applied(&service, 2, 7).await;
    service.stop().await;
}

pub(crate) async fn deleted_marker_is_no_loss_and_deleted_event_is() {
    let (broker, repository) = (Broker::start(1).await, Repository::default());
    broker.transaction(&puts(0..8), true);
    let service = Service::start(&broker, repository.clone());
    wait_for("the events", || async { service.events("created") == 8 }).await;
    // Whatever was stored with the last event is all that is stored.
    service.stop().await;
    broker.delete_records(9).await;
    let service = Service::start(&broker, repository.clone());
    service.wait_ready().await;
    broker.transaction(&puts(8..10), true);
    wait_applied(&service, 2, 12).await;
    service.stop().await;
    broker.transaction(&puts(10..12), true);
    broker.delete_records(13).await;
    let service = Service::start(&broker, repository.clone());
    wait_trouble(&service, "the next offset to apply is 12, but the topic begins at 13").await;
    assert_eq!(service.events("created"), 0);
    service.stop().await;
}

pub(crate) async fn transactional_topic_made_again_is_recognized() {
    let (broker, repository) = (Broker::start(1).await, Repository::default());
    broker.transaction(&puts(0..10), true);
    let service = Service::start(&broker, repository.clone());
    wait_applied(&service, 10, 11).await;
    service.stop().await;
    broker.delete().await;
    broker.create(broker.topic(), 1, &[]).await;
    // The same offsets hold markers.
    broker.transaction(&puts(20..30), true);
    broker.transaction(&puts(30..40), true);
    let service = Service::start(&broker, Arc::clone(&repository));
    wait_trouble(&service, "the record at offset 9 is not the one that was applied").await;
    assert_eq!(service.events("created"), 0);
    service.stop().await;
}
