//! Batches that can't be decoded: nothing of them is applied or skipped, and the partition is reported as stalled.

use crate::broker::Broker;
use crate::puts;
use crate::service::{Service, wait_for};
use api::json::PartitionState;
use rating::repository::memory;
use std::sync::Arc;
use std::time::Duration;

pub(crate) async fn events_of_every_compression_are_applied() {
    let broker = Broker::start(1).await;
    let codecs = ["none", "gzip", "snappy", "lz4", "zstd"];
    for (number, codec) in codecs.into_iter().enumerate() {
        broker.produce_compressed(codec, &puts(number * 10..(number + 1) * 10));
    }
    broker.produce(&puts(50..60));
    let service = Service::start(&broker, Arc::new(memory::Repository::new()));
    wait_for("all events", || async { service.events("created") == 60 && service.report().lag == 0 }).await;
    assert_eq!(service.ready(), Ok(()));
    service.stop().await;
}

pub(crate) async fn damaged_batch_is_not_applied_and_its_partition_is_reported() {
    let broker = Broker::start(2).await;
    // Partition 0 holds four batches, of which the third is damaged.
    let batches = [puts(0..5), puts(5..10), vec![damaged()], puts(11..15)];
    for batch in &batches {
        broker.produce_compressed("none", batch);
    }
    broker.damage(0, b"damaged-user").await;
    let service = Service::start_with(&broker, Arc::new(memory::Repository::new()), |config| {
        // The errors are reported before that.
        config.ingest_stall_timeout = Duration::from_secs(600);
    });
    for (key, value) in puts(20..30) {
        broker.send(Some(1), Some(key.as_bytes()), Some(value.as_bytes()));
    }
    broker.flush();
    wait_for("the partition to be reported", || async {
        let report = service.report();
        let state = |number: usize| report.partitions.get(number).map(|found| found.state);
        state(0) == Some(PartitionState::Stalled) && state(1) == Some(PartitionState::Reading)
    })
    .await;
    let trouble = service.ready().unwrap_err();
    let expected = format!("partition 0 of topic {} makes no progress: ", broker.topic());
    assert!(trouble.starts_with(&expected), "{trouble}");
    wait_for("the other partition", || async { service.events("created") == 20 }).await;
    let report = service.report();
    assert_eq!((report.partitions[0].stored_offset, report.partitions[1].lag), (Some(10), 0), "{report:?}");
    assert_eq!(service.of_partition(0, "ingest_stalled"), 1);
    assert_eq!(service.of_partition(1, "ingest_stalled"), 0);
    service.stop().await;
}

/// An event whose bytes are easily found on disk.
fn damaged() -> (String, String) {
    let value = r#"{"userId":"damaged-user","recordId":"0","recordType":"movie","value":7}"#;
    ("movie/0".to_owned(), value.to_owned())
}
