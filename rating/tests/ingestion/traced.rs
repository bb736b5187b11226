//! The traces of events whose producer has sampled them.

use crate::broker::Broker;
use crate::put;
use crate::service::{Service, wait_for};
use rating::repository::memory;
use std::sync::Arc;
use std::time::Duration;
use trace::Tracer;
use trace::testing::{ReceivedKind, ReceivedSpan, Receiver, listener, tracer};

const WITHIN: Duration = Duration::from_secs(10);
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e473";

async fn start(broker: &Broker) -> (Service, Tracer, Receiver) {
    let (listener, address) = listener().await.unwrap();
    let (tracer, (receiver, _)) = (tracer(address), Receiver::start(listener));
    // Long enough for the events of a case to share a batch.
    let patient = |config: &mut rating::ingester::Config| config.batch_delay = Duration::from_millis(500);
    let service = Service::start_traced(broker, Arc::new(memory::Repository::new()), patient, &tracer);
    service.wait_ready().await;
    (service, tracer, receiver)
}

/// Returns the `traceparent` of trace number `n`.
fn parent(n: u8, flags: &str) -> String {
    format!("00-{TRACE}{n:x}-00f067aa0ba902b7-{flags}")
}

fn send(broker: &Broker, user: usize, headers: &[(&str, &str)]) {
    let (key, value) = put(user, 0, 7);
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|(key, value)| (*key, value.as_bytes())).collect();
    broker.send(Some(key.as_bytes()), Some(value.as_bytes()), &headers);
}

fn trace_of(span: &ReceivedSpan) -> String {
    span.trace_id.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn named<'a>(spans: &'a [ReceivedSpan], name: &str) -> Vec<&'a ReceivedSpan> {
    spans.iter().filter(|span| span.name == name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_a_chunk_are_decoded_and_committed_in_the_trace_of_the_first() {
    let broker = Broker::start(1);
    let (service, tracer, receiver) = start(&broker).await;
    send(&broker, 0, &[]);
    send(&broker, 1, &[("traceparent", &parent(1, "01")), ("tracestate", "vendor=1")]);
    send(&broker, 2, &[("traceparent", &parent(2, "01"))]);
    wait_for("the events", || async { service.events("created") == 3 }).await;
    service.stop().await;
    tracer.shutdown(WITHIN).await;

    let spans = receiver.spans();
    let events = named(&spans, "process ratings");
    assert_eq!(events.len(), 2, "{spans:#?}");
    for (event, offset) in events.iter().zip(["1", "2"]) {
        assert_eq!(event.kind(), ReceivedKind::Consumer);
        assert_eq!(trace_of(event), format!("{TRACE}{offset}"));
        for (key, value) in [
            ("messaging.system", "kafka"),
            ("messaging.destination.name", "ratings"),
            ("messaging.operation.type", "process"),
            ("messaging.consumer.group.name", "ratings"),
            ("messaging.destination.partition.id", "0"),
            ("messaging.kafka.offset", offset),
        ] {
            assert_eq!(event.attribute(key).as_deref(), Some(value), "{key}");
        }
    }
    assert_eq!((events[0].trace_state.as_str(), events[1].trace_state.as_str()), ("vendor=1", ""));
    // The three may have arrived in several chunks.
    let batches = named(&spans, "ingest batch");
    for work in named(&spans, "decode").iter().chain(&batches) {
        assert!(events.iter().any(|event| work.is_child_of(event)), "{work:#?}");
    }
    for event in &events {
        let is_in = |batch: &&ReceivedSpan| batch.is_child_of(event) || batch.is_linked_to(event);
        let batch = batches.iter().find(|batch| is_in(batch)).unwrap();
        let wait = spans.iter().find(|span| span.name == "writer queue" && span.is_child_of(batch)).unwrap();
        let write = spans.iter().find(|span| span.name == "write batch" && span.is_child_of(batch)).unwrap();
        assert!(wait.is_linked_to(write));
        assert!(spans.iter().any(|span| span.name == "transaction" && span.is_child_of(write)));
        assert!(event.end_time_unix_nano >= write.end_time_unix_nano, "an event ends with its commit");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unsampled_and_malformed_headers_create_nothing() {
    let broker = Broker::start(1);
    let (service, tracer, receiver) = start(&broker).await;
    let sampled = parent(1, "01");
    let malformed = ["", "00", "nonsense", &sampled[1..], &format!("{sampled}-x"), &sampled.to_uppercase()];
    send(&broker, 0, &[("traceparent", &parent(1, "00")), ("tracestate", "vendor=1")]);
    for (user, text) in (1..).zip(malformed) {
        send(&broker, user, &[("traceparent", text), ("tracestate", "=")]);
    }
    send(&broker, 99, &[("tracestate", "vendor=1")]);
    wait_for("the events", || async { service.events("created") == malformed.len() as u64 + 2 }).await;
    service.stop().await;
    tracer.shutdown(WITHIN).await;
    assert!(receiver.spans().is_empty(), "{:#?}", receiver.spans());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letter_has_a_span_with_its_reason_and_keeps_the_headers() {
    let broker = Broker::start(1);
    let (service, tracer, receiver) = start(&broker).await;
    let (sampled, unsampled, long) = (parent(1, "01"), parent(2, "00"), "x".repeat(600));
    let headers: [&[(&str, &str)]; 4] = [
        &[("traceparent", &sampled), ("tracestate", "vendor=1")],
        &[("traceparent", &unsampled), ("tracestate", &long)],
        &[("traceparent", "nonsense"), ("tracestate", "vendor=1")],
        &[],
    ];
    for headers in headers {
        let headers: Vec<(&str, &[u8])> = headers.iter().map(|(k, v)| (*k, v.as_bytes())).collect();
        broker.send(Some(b"k"), Some(b"{not json"), &headers);
    }
    let letters = broker.read("ratings.dlq", 4);
    service.stop().await;
    tracer.shutdown(WITHIN).await;

    let kept: Vec<_> =
        letters.iter().map(|letter| (letter.header("traceparent"), letter.header("tracestate"))).collect();
    let nothing = (String::new(), String::new());
    let expected = [(sampled, "vendor=1".to_owned()), (unsampled, String::new()), nothing.clone(), nothing];
    assert_eq!(kept, expected);
    let spans = receiver.spans();
    let [event] = named(&spans, "process ratings")[..] else { panic!("{spans:#?}") };
    let [letter] = named(&spans, "send ratings.dlq")[..] else { panic!("{spans:#?}") };
    assert!(letter.is_child_of(event) && letter.kind() == ReceivedKind::Producer);
    assert!(event.has_failed() && !letter.has_failed());
    assert_eq!(event.attribute("error.type").as_deref(), Some("undecodable"));
    assert!(letter.attribute("marquee.rejected").unwrap().starts_with("the value can't be decoded"));
    assert_eq!(letter.attribute("messaging.destination.name").as_deref(), Some("ratings.dlq"));
}
