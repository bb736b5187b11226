//! The traces of events, from this program to the commit in rating.

use crate::broker::{Broker, code, said};
use discovery::Registry;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use service::testing::Running;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use trace::testing::{ReceivedKind, ReceivedSpan, Receiver, listener};

const WITHIN: Duration = Duration::from_secs(30);
const EVENT: &str = r#"{"userId":"u","recordId":"1","recordType":"movie","value":7}"#;

fn header(message: &BorrowedMessage<'_>, name: &str) -> Option<String> {
    let headers = message.headers()?;
    let value = headers.iter().find(|header| header.key == name)?.value?;
    Some(String::from_utf8(value.to_vec()).unwrap())
}

/// Sends `events`, with these arguments.
fn send(broker: &Broker, events: &str, arguments: &[&str]) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(events.as_bytes()).unwrap();
    let output = broker.command().arg(file.path()).args(arguments).output().unwrap();
    assert_eq!(code(&output), 0, "{}", said(&output));
}

fn child<'a>(spans: &'a [ReceivedSpan], parent: &ReceivedSpan, name: &str) -> Option<&'a ReceivedSpan> {
    spans.iter().find(|span| span.is_child_of(parent) && span.name == name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn event_is_one_trace_from_producer_to_commit() {
    let broker = Broker::start();
    let (listener, address) = listener().await.unwrap();
    let (receiver, _) = Receiver::start(listener);
    let endpoint = format!("http://{address}");
    let arguments = ["rating", "--database", "memory:", "--kafka", &broker.servers()];
    let options = ["session.timeout.ms=3500", "heartbeat.interval.ms=500"];
    let options = options.map(|option| format!("--kafka-option={option}"));
    let arguments = arguments.into_iter().chain(options.iter().map(String::as_str));
    let config: rating::Config =
        service::testing::parse(arguments.chain(["--otlp-endpoint", &endpoint])).unwrap();
    let registry: Arc<dyn Registry> = discovery::memory::Registry::new();
    let rating = Running::start("rating", &registry, |registry, stop| rating::run(config, registry, stop));
    let rating = rating.await.unwrap();
    tokio::task::block_in_place(|| send(&broker, EVENT, &["--otlp-endpoint", &endpoint]));

    let tree = |spans: &[ReceivedSpan]| {
        let send = spans.iter().find(|span| span.name == "send ratings")?;
        let event = child(spans, send, "process ratings")?;
        child(spans, event, "decode")?;
        let batch = child(spans, event, "ingest batch")?;
        let write = child(spans, batch, "write batch")?;
        child(spans, write, "transaction")?;
        Some((send.clone(), event.clone()))
    };
    let (send, event) = receiver.wait(WITHIN, tree).await.unwrap_or_else(|spans| panic!("{spans}"));
    rating.stop().await.unwrap();
    assert_eq!((send.kind(), event.kind()), (ReceivedKind::Producer, ReceivedKind::Consumer));
    assert_eq!((send.service().as_str(), event.service().as_str()), ("ratingingester", "rating"));
    assert!(send.parent_span_id.is_empty());
    for (key, value) in [
        ("messaging.system", "kafka"),
        ("messaging.destination.name", "ratings"),
        ("messaging.operation.type", "send"),
        ("messaging.kafka.message.key", "movie/1"),
    ] {
        assert_eq!(send.attribute(key).as_deref(), Some(value), "{key}");
    }
}

#[test]
fn only_sampled_events_have_headers() {
    let events = [EVENT; 500].join("\n");
    let counted = |arguments: &[&str]| {
        let broker = Broker::start();
        send(&broker, &events, arguments);
        broker.read(500, |message| header(message, "traceparent")).into_iter().flatten().count()
    };
    // Nothing listens there, which must not stop the program.
    let endpoint = ["--otlp-endpoint", "http://127.0.0.1:1"];
    assert_eq!(counted(&[]), 0);
    assert_eq!(counted(&[&endpoint[..], &["--trace-sampler", "always_off"]].concat()), 0);
    let limited = counted(&[&endpoint[..], &["--trace-max-rate", "5"]].concat());
    // They may be sent in several seconds.
    assert!(limited >= 5 && limited % 5 == 0 && limited < 500, "{limited}");
}

#[test]
fn replayed_letter_keeps_its_trace() {
    let broker = Broker::start();
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers = [("topic", "ratings"), ("traceparent", parent), ("tracestate", "vendor=1")];
    broker.put("ratings.dlq", Some(EVENT), &headers);
    let output = broker.command().args(["replay", "--from", "ratings.dlq"]).output().unwrap();
    assert_eq!(code(&output), 0, "{}", said(&output));
    let found = broker.read(1, |message| (header(message, "traceparent"), header(message, "tracestate")));
    assert_eq!(found, [(Some(parent.to_owned()), Some("vendor=1".to_owned()))]);
}
