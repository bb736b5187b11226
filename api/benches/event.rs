//! How long does it take to decode and validate an event from the bytes of a Kafka record?
//!
//! `cargo bench -p api --bench event` prints the times and the events per second: as JSON, as JSON with an escape
//! (which requires a copy), and as protobuf. The Kafka client is not measured.

#![expect(clippy::expect_used, reason = "a bench that can't go on ends")]

use api::{json, rating::v1 as proto};
use criterion::{Criterion, Throughput};
use model::Timestamp;
use prost::Message;

const JSON: &str = r#"{"userId":"user-4711","recordId":"tt0109830","recordType":"movie","value":8,"providerId":"imdb","ratedAt":"2026-01-02T03:04:05.678Z"}"#;
const ESCAPED: &str = r#"{"userId":"user-\u00e9\"4711","recordId":"tt0109830","recordType":"movie","value":8,"providerId":"imdb","ratedAt":"2026-01-02T03:04:05.678Z"}"#;

fn from_json(bytes: &[u8], now: Timestamp) -> model::RatingEvent {
    let event: json::RatingEvent<'_> = jsontext::from_slice(bytes).expect("it is an event");
    event.event(now).expect("it keeps the rules")
}

fn from_protobuf(bytes: &[u8], now: Timestamp) -> model::RatingEvent {
    proto::RatingEvent::decode(bytes).expect("it is an event").event(now).expect("it keeps the rules")
}

fn main() {
    let now = Timestamp::now();
    let protobuf = proto::RatingEvent {
        user_id: "user-4711".into(),
        record_id: "tt0109830".into(),
        record_type: "movie".into(),
        value: 8,
        provider_id: "imdb".into(),
        event_type: proto::rating_event::Type::Put.into(),
        rated_at: Some(now.as_millis()),
    };
    let protobuf = protobuf.encode_to_vec();
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("event");
    group.throughput(Throughput::Elements(1));
    group.bench_function("json", |bencher| bencher.iter(|| from_json(JSON.as_bytes(), now)));
    group.bench_function("json, escaped", |bencher| bencher.iter(|| from_json(ESCAPED.as_bytes(), now)));
    group.bench_function("protobuf", |bencher| bencher.iter(|| from_protobuf(&protobuf, now)));
    group.finish();
    criterion.final_summary();
}
