//! Partitions whose events wait while none is applied.

use crate::broker::Broker;
use crate::failing::Failing;
use crate::puts;
use crate::service::{Service, wait_for};
use api::json::PartitionState;
use rating::repository::memory;
use std::sync::Arc;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writer_that_makes_no_progress_is_reported_as_a_stall_until_it_does() {
    let broker = Broker::start(1);
    let repository = Arc::new(Failing::new(memory::Repository::new()));
    let service = Service::start_with(&broker, repository.clone(), |config| {
        config.ingest_stall_timeout = Duration::from_secs(2);
    });
    broker.produce(&puts(0..10, 1));
    wait_for("the first events", || async { service.events("created") == 10 }).await;
    repository.fail(true);
    broker.produce(&puts(10..20, 1));
    let state = || service.report().partitions.first().map(|found| found.state);
    // On a busy machine a slow query of the end offset may be reported first.
    let reason = || service.report().partitions.first().and_then(|found| found.reason.clone());
    let expected = "it is read up to offset 20, but applied only up to 10";
    wait_for("the stall", || async { reason().as_deref() == Some(expected) }).await;
    assert_eq!(state(), Some(PartitionState::Stalled));
    let report = service.report();
    assert!(report.trouble.unwrap().contains("partition 0 of topic ratings makes no progress: "));
    assert_eq!(service.of_partition(0, "ingest_stalled"), 1);
    repository.fail(false);
    wait_for("the later events", || async { service.events("created") == 20 && service.is_ready() }).await;
    assert_eq!((state(), service.of_partition(0, "ingest_stalled")), (Some(PartitionState::Reading), 0));
    service.stop().await;
}
