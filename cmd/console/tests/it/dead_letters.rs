//! Dead letters, read from a broker.

use crate::rig::start_kafka;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::{Value, json};
use std::time::Duration;

const TOPIC: &str = "ratings.dlq";

fn send(producer: &BaseProducer, offset: i64, event: &[u8]) {
    let text = offset.to_string();
    let headers = [("partition", "3"), ("offset", &text), ("reason", "value is above 10")];
    let headers = headers.into_iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
        headers.insert(Header { key, value: Some(value) })
    });
    producer.send(BaseRecord::to(TOPIC).key("1").payload(event).headers(headers)).unwrap();
}

fn letters(ingestion: &Value) -> &Vec<Value> {
    ingestion["deadLetters"]["letters"].as_array().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn last_letters_are_shown_with_reason_and_event() {
    let cluster = MockCluster::new(1).unwrap();
    let brokers = cluster.bootstrap_servers();
    let rig = start_kafka(&brokers).await;
    let before = rig.until("/api/ingestion", |all| all["deadLetters"]["available"] == true).await;
    // The topic exists once there is a letter.
    assert_eq!(letters(&before).len(), 0);
    cluster.create_topic(TOPIC, 2, 1).unwrap();
    let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", &brokers).create().unwrap();
    for offset in 0..120 {
        send(&producer, offset, br#"{"userId":"me","value":99}"#);
    }
    producer.flush(Duration::from_secs(10)).unwrap();
    let has = |all: &Value, offset: i64| letters(all).iter().any(|letter| letter["offset"] == offset);
    let all = rig.until("/api/ingestion", |all| letters(all).len() == 100 && has(all, 119)).await;
    let last = letters(&all).iter().find(|letter| letter["offset"] == 119).unwrap();
    assert_eq!(
        (&last["partition"], &last["reason"], &last["key"]),
        (&json!(3), &json!("value is above 10"), &json!("1"))
    );
    assert_eq!(last["event"], r#"{"userId":"me","value":99}"#);
    assert!(last["timeMs"].as_f64().unwrap() > 1e12);
    assert_eq!(rig.get("/api/system").await["broker"], json!({"address": brokers, "up": true}));
    // One that arrives later is shown, shortened.
    send(&producer, 500, &[0xff; 100_000]);
    producer.flush(Duration::from_secs(10)).unwrap();
    let all = rig.until("/api/ingestion", |all| has(all, 500)).await;
    let last = letters(&all).last().unwrap();
    assert!(last["event"].as_str().unwrap().len() <= 2048);
}
