//! Ratings from Kafka, against librdkafka's mock cluster: each event has its effect once, whatever happens to
//! the consumer.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that can't go on fails")]

mod broker;
mod delivery;
mod failing;
mod leaders;
mod letters;
mod service;
mod stalls;
mod traced;

use broker::{Broker, Member};
use failing::Failing;
use prost::Message;
use rating::batch::{Advance, Batch, Partition, Position};
use rating::ingester::OnLostOffset;
use rating::repository::{Batches, Positions, memory};
use service::{Service, wait_for};
use std::sync::Arc;

fn put(user: usize, record: usize, value: u8) -> (String, String) {
    let json =
        format!(r#"{{"userId":"u{user}","recordId":"{record}","recordType":"movie","value":{value}}}"#);
    (format!("movie/{record}"), json)
}

fn puts(users: std::ops::Range<usize>, records: usize) -> Vec<(String, String)> {
    users.flat_map(|user| (0..records).map(move |record| put(user, record, 7))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_arrive_once_and_a_restart_resumes_at_the_stored_offset() {
    let broker = Broker::start(4);
    let repository = Arc::new(memory::Repository::new());
    broker.produce(&puts(0..50, 20));
    let first = Service::start(&broker, repository.clone());
    first.wait_ready().await;
    wait_for("the first events", || async { first.events("created") == 1000 }).await;
    first.stop().await;

    broker.produce(&puts(50..60, 20));
    broker.produce(&[
        put(0, 0, 2),
        (
            "movie/1".into(),
            r#"{"userId":"u0","recordId":"1","recordType":"movie","eventType":"delete"}"#.into(),
        ),
    ]);
    let second = Service::start(&broker, repository.clone());
    wait_for("the later events", || async {
        second.events("deleted") == 1 && second.events("created") == 200
    })
    .await;
    assert_eq!(second.events("replaced"), 1);
    assert_eq!(second.events("unchanged") + second.events("absent"), 0, "nothing is applied a second time");
    let aggregate = |record| service::aggregate(&*repository, record);
    assert_eq!(aggregate(0).await, (60, 59 * 7 + 2));
    assert_eq!(aggregate(1).await, (59, 59 * 7));
    assert_eq!(aggregate(19).await, (60, 60 * 7));
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_events_go_to_the_dead_letters_and_stop_nothing() {
    let broker = Broker::start(1);
    let protobuf = api::rating::v1::RatingEvent {
        user_id: "p".into(),
        record_id: "0".into(),
        record_type: "movie".into(),
        value: 9,
        ..Default::default()
    };
    let content_type = [("content-type", &b"application/x-protobuf"[..])];
    broker.send(Some(b"k"), Some(b"{not json"), &[]);
    broker.send(Some(b"movie/0"), Some(&protobuf.encode_to_vec()), &content_type);
    broker.send(Some(b"movie/0"), None, &[]);
    broker.send(None, Some(br#"{"userId":"u","recordId":"0","recordType":"movie","value":11}"#), &[]);
    broker.send(Some(b"movie/0"), Some(&[0xff, 0xff]), &content_type);
    broker.send(Some(b"movie/0"), Some(br#"["u","0","movie",5,null,null,null]"#), &[]);
    let marked = "\u{feff}{\"userId\":\"m\",\"recordId\":\"0\",\"recordType\":\"movie\",\"value\":5}";
    broker.send(Some(b"movie/0"), Some(marked.as_bytes()), &[]);
    broker.produce(&[put(1, 0, 7)]);

    let repository = Arc::new(memory::Repository::new());
    let service = Service::start(&broker, repository.clone());
    wait_for("the good events", || async { service.events("created") == 3 }).await;
    assert_eq!(service::aggregate(&*repository, 0).await, (3, 21));
    let letters = broker.read("ratings.dlq", 5);
    let reasons: Vec<_> = letters.iter().map(|letter| letter.header("reason")).collect();
    assert!(reasons[0].starts_with("the value can't be decoded"), "{reasons:?}");
    assert_eq!(reasons[1], "the value is null");
    assert!(reasons[2].starts_with("value must be a whole number"), "{reasons:?}");
    assert!(reasons[3].starts_with("the value can't be decoded"), "{reasons:?}");
    assert!(reasons[4].starts_with("the value can't be decoded: invalid type: sequence"), "{reasons:?}");
    let offsets: Vec<_> = letters.iter().map(|letter| letter.header("offset")).collect();
    assert_eq!(offsets, ["0", "2", "3", "4", "5"]);
    assert_eq!(letters[0].key.as_deref(), Some(&b"k"[..]));
    assert_eq!(letters[0].value.as_deref(), Some(&b"{not json"[..]));
    assert_eq!((letters[1].value.as_deref(), letters[2].key.as_deref()), (None, None));
    assert_eq!((letters[0].header("topic"), letters[0].header("partition")), ("ratings".into(), "0".into()));
    assert_eq!(letters[3].header("content-type"), "application/x-protobuf");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn second_consumer_shares_partitions() {
    let broker = Broker::start(8);
    let repository = Arc::new(memory::Repository::new());
    let one = Service::start(&broker, repository.clone());
    one.wait_ready().await;
    broker.produce(&puts(0..20, 50));
    wait_for("the first alone", || async { one.events("created") == 1000 }).await;
    let two = Service::start(&broker, repository.clone());
    // Until the group has settled the one or the other may apply events: what counts is that both come to.
    let mut users = 20;
    wait_for("both to apply events", || {
        broker.produce(&puts(users..users + 1, 50));
        users += 1;
        let both = two.events("created") > 0 && two.is_ready();
        async move {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            both
        }
    })
    .await;
    let all = users as u64 * 50;
    wait_for("all events", || async { one.events("created") + two.events("created") == all }).await;
    for record in 0..50 {
        assert_eq!(service::aggregate(&*repository, record).await, (users as u64, users as u64 * 7));
    }
    one.stop().await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn position_moved_by_another_owner_is_read_again() {
    let broker = Broker::start(1);
    let repository = Arc::new(memory::Repository::new());
    let service = Service::start(&broker, repository.clone());
    broker.produce(&puts(0..10, 1));
    wait_for("the first events", || async { service.events("created") == 10 }).await;
    repository.forget_positions("ratings").await.unwrap();
    broker.produce(&puts(10..15, 1));
    wait_for("the later events", || async { service.events("created") == 15 }).await;
    // The fence refused a batch, and the position it found then was the topic's beginning.
    assert_eq!((service.count("ingest_fenced_total"), service.events("unchanged")), (1, 10));
    assert_eq!(service::aggregate(&*repository, 0).await, (15, 15 * 7));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_owners_of_a_partition_apply_each_event_once() {
    let broker = Broker::start(1);
    let repository = Arc::new(memory::Repository::new());
    // In a group of its own each is given every partition: what a zombie believes of itself.
    let owner = |group: &str| {
        Service::start_with(&broker, repository.clone(), |config| config.group = group.to_owned())
    };
    let owners = [owner("one"), owner("two")];
    for owner in &owners {
        owner.wait_ready().await;
    }
    let sum = |outcome: &'static str| owners.iter().map(|owner| owner.events(outcome)).sum::<u64>();
    for round in 1..=20 {
        broker.produce(&puts((round - 1) * 10..round * 10, 5));
        wait_for("the round", || async { sum("created") == round as u64 * 50 }).await;
    }
    wait_for("both to have caught up", || async { owners.iter().all(|owner| owner.report().lag == 0) }).await;
    assert_eq!((sum("created"), sum("unchanged"), sum("replaced")), (1000, 0, 0));
    let fenced: u64 = owners.iter().map(|owner| owner.report().fenced).sum();
    assert!(fenced > 0 && sum("doubled") > 0, "{fenced} {}", sum("doubled"));
    assert_eq!(service::aggregate(&*repository, 4).await, (200, 200 * 7));
    for owner in owners {
        owner.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recreated_topic_stops_or_restarts_ingestion() {
    let broker = Broker::start(1);
    broker.produce(&puts(0..5, 1));
    let partition = Partition { cluster: broker.cluster(), topic: "ratings".into(), partition: 0 };
    for (next_offset, reason) in [(3, "is not the one that was applied"), (100, "the topic ends at 5")] {
        let repository = Arc::new(memory::Repository::new());
        let to = Position { next_offset, skipped: 0, last_timestamp: 1, last_digest: 2 };
        let offsets = vec![Advance { partition: partition.clone(), from: None, to }];
        repository.apply(0, &Batch { writes: Vec::new(), offsets }).await.unwrap();

        let service = Service::start(&broker, repository.clone());
        wait_for("the partition to stand still", || async {
            service.ready().is_err_and(|e| e.contains(reason))
        })
        .await;
        assert_eq!(service.events("created"), 0);
        assert_eq!(service.of_partition(0, "ingest_lost_offset"), 1, "{}", service.text());
        service.stop().await;

        let service = Service::start_with(&broker, repository.clone(), |config| {
            config.on_lost_offset = OnLostOffset::Earliest;
        });
        wait_for("all events", || async { service.events("created") == 5 }).await;
        assert_eq!(service.ready(), Ok(()));
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topic_of_another_cluster_stops_or_restarts_ingestion() {
    let brokers = [Broker::start(2), Broker::start(2)];
    let repository = Arc::new(memory::Repository::new());
    brokers[0].produce(&puts(0..5, 4));
    brokers[1].produce(&puts(5..8, 4));
    let first = Service::start(&brokers[0], repository.clone());
    wait_for("the first cluster", || async { first.events("created") == 20 }).await;
    first.stop().await;

    let refused = Service::start(&brokers[1], repository.clone());
    wait_for("both clusters to be named", || async {
        let named = |e: String| brokers.iter().all(|broker| e.contains(&broker.cluster()));
        refused.ready().is_err_and(named)
    })
    .await;
    let lost = |partition: &api::json::IngestedPartition| partition.state == api::json::PartitionState::Lost;
    assert!(refused.report().partitions.iter().all(lost), "{:?}", refused.report());
    assert_eq!(refused.events("created"), 0);
    refused.stop().await;

    for created in [12, 0] {
        // The second time it is known.
        let service = Service::start_with(&brokers[1], repository.clone(), |config| {
            if created > 0 {
                config.on_lost_offset = OnLostOffset::Earliest;
            }
        });
        service.wait_ready().await;
        wait_for("the second cluster", || async { service.events("created") == created }).await;
        assert_eq!(service.ready(), Ok(()));
        service.stop().await;
    }
    let back = Service::start(&brokers[0], repository.clone());
    back.wait_ready().await;
    brokers[0].produce(&puts(8..9, 4));
    wait_for("the first cluster again", || async { back.events("created") == 4 }).await;
    assert_eq!(back.events("unchanged"), 0);
    back.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forgotten_offsets_let_a_new_broker_be_read() {
    let repository = Arc::new(memory::Repository::new());
    for round in 1..=2 {
        let broker = Broker::start(1);
        broker.produce(&puts(0..5, round));
        let service = Service::start_with(&broker, repository.clone(), |config| config.forget_offsets = true);
        wait_for("the events", || async { service.events("created") == 5 }).await;
        assert_eq!(repository.positions(&broker.cluster(), "ratings").await.unwrap().len(), 1);
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn storage_outage_is_waited_out() {
    let broker = Broker::start(2);
    let repository = Arc::new(Failing::new(memory::Repository::new()));
    repository.fail(true);
    let service = Service::start(&broker, repository.clone());
    broker.produce(&puts(0..10, 10));
    wait_for("the outage to show at the start", || async {
        service.ready().is_err_and(|e| e.contains("the stored offsets can't be read"))
    })
    .await;
    repository.fail(false);
    wait_for("the first events", || async { service.events("created") == 100 }).await;
    repository.fail(true);
    broker.produce(&puts(10..20, 10));
    wait_for("the outage to show", || async {
        service.ready().is_err_and(|e| e.contains("ratings can't be stored"))
    })
    .await;
    wait_for("the lag to show", || async { service.report().lag == 100 }).await;
    let late = service.report();
    assert!(!late.ready && late.lag_seconds > 0.0, "{late:?}");
    assert!(service.text().contains("ingest_lag_seconds{"), "{}", service.text());
    repository.fail(false);
    wait_for("the later events", || async { service.events("created") == 200 && service.is_ready() }).await;
    assert_eq!(service.events("unchanged"), 0);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commit_with_lost_reply_is_found_by_fence_and_ingestion_recovers() {
    let broker = Broker::start(1);
    let repository = Arc::new(Failing::new(memory::Repository::new()));
    let service = Service::start(&broker, repository.clone());
    service.wait_ready().await;
    repository.leave_unanswered();
    broker.produce(&puts(0..10, 1));
    wait_for("the fence", || async { service.count("ingest_fenced_total") == 1 }).await;
    // Nothing more arrives that could be stored.
    service.wait_ready().await;
    wait_for("all events", || async { service::aggregate(&repository.inner, 0).await == (10, 70) }).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn little_memory_and_a_slow_lane_lose_nothing() {
    let broker = Broker::start(8);
    let repository = Arc::new(Failing::new(memory::Repository::new()));
    // Longer than the consumer waits before it pauses partitions.
    repository.delay(std::time::Duration::from_millis(1500));
    broker.produce(&puts(0..200, 50));
    let service = Service::start_with(&broker, repository.clone(), |config| {
        config.batch_events = 200;
        config.ingest_memory = "1MiB".parse().unwrap();
    });
    wait_for("a second batch", || async { service.count("ingest_batches_total") > 4 }).await;
    repository.delay(std::time::Duration::from_millis(1));
    wait_for("all events", || async { service.events("created") == 10_000 }).await;
    assert_eq!(service.events("unchanged"), 0);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_that_go_while_they_are_paused_are_read_when_they_come_back() {
    let broker = Broker::start(8);
    let repository = Arc::new(Failing::new(memory::Repository::new()));
    repository.delay(std::time::Duration::from_secs(3));
    broker.produce(&puts(0..200, 50));
    let service = Service::start_with(&broker, repository.clone(), |config| {
        config.batch_events = 200;
        config.ingest_memory = "1MiB".parse().unwrap();
    });
    wait_for("the lane to be paused", || async { service.report().paused_lanes == 1 }).await;
    let other = Member::join(&broker);
    wait_for("some partitions to go", || async { service.report().assigned_partitions < 8 }).await;
    repository.delay(std::time::Duration::ZERO);
    wait_for("the lane to go on", || async { service.report().paused_lanes == 0 }).await;
    other.leave();
    wait_for("all events", || async { service.events("created") == 10_000 }).await;
    assert_eq!(service.events("unchanged"), 0);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brokers_out_of_reach_are_waited_for_and_said() {
    let broker = Broker::start(1);
    let service = Service::start_with(&broker, Arc::new(memory::Repository::new()), |config| {
        config.kafka = Some("127.0.0.1:1".into());
    });
    wait_for("the trouble to show", || async {
        service.ready().is_err_and(|e| e.contains("no Kafka broker can be reached"))
    })
    .await;
    service.stop().await;
}
