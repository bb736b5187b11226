//! The memory that a backlog takes.

use crate::broker::Broker;
use crate::failing::Failing;
use crate::service::{Service, wait_for};
use rating::repository::memory;
use std::sync::Arc;
use std::time::Duration;

/// Memory of this process, in MiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

pub(crate) async fn a_backlog_takes_no_more_memory_than_is_set() {
    // A quarter of a gibibyte of events whose ratings take no room.
    const EVENTS: usize = 200_000;
    let broker = Broker::start(4).await;
    let pad = "x".repeat(1200);
    for number in 0..EVENTS {
        let (user, record) = (number % 50, number % 20);
        let value = format!(
            r#"{{"userId":"u{user}","recordId":"{record}","recordType":"movie","value":7,"pad":"{pad}"}}"#
        );
        broker.send(None, Some(format!("movie/{record}").as_bytes()), Some(value.as_bytes()));
    }
    broker.flush();
    let before = resident();
    let repository = Arc::new(Failing::new(memory::Repository::new()));
    // So slow that the consumer is far ahead.
    repository.delay(Duration::from_millis(300));
    let service = Service::start_with(&broker, repository.clone(), |config| {
        config.ingest_memory = "8MiB".parse().unwrap();
    });
    let mut most = 0;
    wait_for("a few batches", || {
        most = most.max(resident().saturating_sub(before));
        async { service.report().batches.count > 20 }
    })
    .await;
    repository.delay(Duration::ZERO);
    wait_for("a good deal of the backlog", || {
        most = most.max(resident().saturating_sub(before));
        async { service.report().lag < EVENTS as u64 / 2 }
    })
    .await;
    // The other tests of this process need some as well.
    assert!(most < 100, "{most} MiB for a backlog of 250 MiB");
    service.stop().await;
}
