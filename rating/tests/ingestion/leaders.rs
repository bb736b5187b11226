//! Partitions whose leader is missing or silent: each is retried and reported alone.

use crate::broker::Broker;
use crate::puts;
use crate::service::{Service, wait_for};
use api::json::PartitionState;
use rating::repository::memory;
use std::sync::Arc;

const PARTITIONS: i32 = 4;
const EVENTS: u64 = 200;

/// The partition that can't be read.
const BAD: i32 = 1;

fn broker() -> Broker {
    let broker = Broker::start_cluster(2, PARTITIONS);
    for partition in 0..PARTITIONS {
        broker.set_leader(partition, Some(if partition == BAD { 2 } else { 1 }));
    }
    broker.produce(&puts(0..10, 20));
    broker
}

/// Waits until the other partitions are applied, checks how the bad one is reported, and repairs it.
async fn others_are_read(broker: &Broker, reason: &str, repair: impl FnOnce(&Broker)) {
    let service = Service::start(broker, Arc::new(memory::Repository::new()));
    wait_for("the other partitions", || async {
        let report = service.report();
        let others = report.partitions.iter().filter(|found| found.partition != BAD);
        let done = others.filter(|found| found.stored_offset.is_some() && found.lag == 0).count();
        done == PARTITIONS as usize - 1 && report.partitions.len() == PARTITIONS as usize
    })
    .await;
    let report = service.report();
    for found in &report.partitions {
        let bad = found.partition == BAD;
        let expected = if bad { PartitionState::Unreadable } else { PartitionState::Reading };
        assert_eq!(found.state, expected, "{found:?}");
        assert_eq!(found.reason.as_deref().is_some_and(|found| found.contains(reason)), bad, "{found:?}");
    }
    let trouble = report.trouble.unwrap();
    assert!(trouble.starts_with(&format!("partition {BAD} of topic ratings can't be read: ")), "{trouble}");
    assert!(service.events("created") < EVENTS);
    assert_eq!(service.of_partition(1, "ingest_unreadable"), 1);
    assert_eq!(service.of_partition(0, "ingest_unreadable"), 0);
    repair(broker);
    wait_for("all events", || async { service.events("created") == EVENTS && service.is_ready() }).await;
    assert_eq!((service.events("unchanged"), service.of_partition(1, "ingest_unreadable")), (0, 0));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partition_without_leader_holds_up_no_other() {
    let broker = broker();
    broker.set_leader(BAD, None);
    others_are_read(&broker, "it has no leader", |broker| broker.set_leader(BAD, Some(2))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partition_with_silent_leader_holds_up_no_other() {
    let broker = broker();
    broker.set_down(2, true);
    let reason = "its leader, broker 2, can't be reached";
    others_are_read(&broker, reason, |broker| broker.set_down(2, false)).await;
}
