//! What the service tells of its ingestion.

use super::{start, start_with};
use rdkafka::config::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::{Value, json};
use service::testing::Running;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

async fn wait_for(service: &Running, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let told = service.get("/v1/ingestion").await.unwrap().json();
        if holds(&told) {
            return told;
        }
        assert!(Instant::now() < deadline, "waited too long for {what}: {told}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn without_brokers_it_says_so() {
    let (service, _) = start().await;
    let answer = service.get("/v1/ingestion").await.unwrap();
    assert_eq!(answer.status, 200);
    let told = answer.json();
    assert_eq!((&told["enabled"], &told["ready"]), (&json!(false), &json!(true)));
    assert_eq!((&told["partitions"], &told["events"]["created"]), (&json!([]), &json!(0)));
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_partitions_and_lag_are_told_as_json_and_as_metrics() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("ratings", 2, 1).unwrap();
    cluster.create_topic("ratings.dlq", 1, 1).unwrap();
    let brokers = cluster.bootstrap_servers();
    let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", &brokers).create().unwrap();
    let event = r#"{"userId":"ann","recordId":"1","recordType":"movie","value":5}"#;
    for value in [event, event, "no event"] {
        producer.send(BaseRecord::<str, str>::to("ratings").partition(1).payload(value)).unwrap();
    }
    producer.flush(Duration::from_secs(10)).unwrap();

    let options = ["--kafka-option=session.timeout.ms=3500", "--kafka-option=heartbeat.interval.ms=500"];
    let arguments = ["--kafka", &brokers, options[0], options[1], "--delivery", "at-least-once"];
    let (service, _) = start_with(&arguments).await;
    wait_for(&service, "the first look at the ends", |told| told["endsAskedAt"].is_string()).await;
    let told = wait_for(&service, "the events", |told| told["events"]["rejected"] == 1).await;
    let told = if told["lag"] == 0 { told } else { wait_for(&service, "no lag", |t| t["lag"] == 0).await };
    assert_eq!((&told["enabled"], &told["ready"]), (&json!(true), &json!(true)), "{told}");
    assert_eq!((&told["topic"], &told["group"]), (&json!("ratings"), &json!("rating")));
    assert_eq!(told["delivery"], json!("at-least-once"));
    let events = json!({
        "created": 1, "replaced": 0, "unchanged": 0, "deleted": 0, "absent": 0, "rejected": 1, "doubled": 0,
    });
    let second: u64 = ["replaced", "unchanged"].iter().map(|key| told["events"][key].as_u64().unwrap()).sum();
    assert_eq!((&told["events"]["created"], second), (&events["created"], 1), "{told}");
    assert_eq!(told["events"].as_object().unwrap().len(), events.as_object().unwrap().len());
    assert!(
        told["batches"]["count"].as_u64() > Some(0) && told["batches"]["meanEvents"].as_f64() > Some(0.0)
    );
    assert_eq!((&told["assignedPartitions"], &told["pausedLanes"]), (&json!(2), &json!(0)));
    assert_eq!(told["writerQueue"].as_array().unwrap().len(), 4, "a number for each lane");
    let untouched =
        json!({ "partition": 0, "endOffset": 0, "lag": 0, "lagSeconds": 0.0, "state": "reading" });
    assert_eq!(told["partitions"][0], untouched);
    let applied = json!({
        "partition": 1, "storedOffset": 3, "endOffset": 3, "lag": 0, "lagSeconds": 0.0, "state": "reading",
    });
    assert_eq!(told["partitions"][1], applied);

    let metrics = service.get("/metrics").await.unwrap();
    let text = String::from_utf8(metrics.body.to_vec()).unwrap();
    for line in [
        "ingest_events_total{outcome=\"created\"} 1",
        "ingest_events_total{outcome=\"rejected\"} 1",
        "ingest_stored_offset{topic=\"ratings\",partition=\"1\"} 3",
        "ingest_end_offset{topic=\"ratings\",partition=\"1\"} 3",
        "ingest_lag_events{topic=\"ratings\",partition=\"1\"} 0",
        "ingest_lag_seconds{topic=\"ratings\",partition=\"1\"} 0.0",
        "ingest_lost_offset{topic=\"ratings\",partition=\"0\"} 0",
        "ingest_assigned_partitions 2",
        "ingest_paused_lanes 0",
        "ingest_blocked 0",
        "ingest_fenced_total 0",
        "write_queue_writes{lane=\"3\"} 0",
        "write_oldest_seconds{lane=\"3\"} 0.0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    for name in ["ingest_batch_events_bucket", "ingest_batch_seconds_bucket"] {
        assert!(text.contains(name), "{name} in {text}");
    }
    promtool(&metrics.body);
    service.stop().await.unwrap();
}

/// `promtool check metrics`, where it is installed.
fn promtool(metrics: &[u8]) {
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        eprintln!("promtool is not installed: only the names were checked");
        return;
    };
    child.stdin.take().unwrap().write_all(metrics).unwrap();
    let told = child.wait_with_output().unwrap();
    assert!(told.status.success() && told.stderr.is_empty(), "{}", String::from_utf8_lossy(&told.stderr));
}
