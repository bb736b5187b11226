//! What arrives at the receiver, and what happens if it doesn't.

use crate::receiver::{Receiver, listener, tracer};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind as Kind;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use trace::{Counts, Span, SpanKind, Tracer, span};

const WITHIN: Duration = Duration::from_secs(5);

fn request(tracer: &Tracer) -> Span {
    tracer.enter("request", SpanKind::Server, None)
}

#[tokio::test]
async fn spans_arrive_as_one_tree() {
    let (listener, address) = listener().await;
    let (receiver, _) = Receiver::start(listener).await;
    let tracer = tracer(address);
    tracer.set_instance("test-127.0.0.1-1");
    let root = request(&tracer);
    root.rename(|| "GET /x/{id}".to_owned());
    root.set("http.response.status_code", 503);
    let origin = root
        .run(async {
            let query = span("SELECT", SpanKind::Client);
            query.fail("no rows");
            query.run(async { span("inner", SpanKind::Internal).context() }).await.unwrap();
            Span::current()
        })
        .await;
    let elsewhere =
        tokio::spawn(async move { origin.child("elsewhere", SpanKind::Internal).context() }).await.unwrap();
    let batch = tracer.join("batch", SpanKind::Internal, [root.context().unwrap(), elsewhere.unwrap()]);
    root.link(batch.context());
    drop((batch, root));
    tracer.shutdown(WITHIN).await;

    let spans = receiver.spans();
    let find = |name: &str| {
        spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name}: {spans:?}"))
    };
    let (root, query, batch) = (find("GET /x/{id}"), find("SELECT"), find("batch"));
    assert_eq!(spans.len(), 5);
    assert!(spans.iter().all(|span| span.trace_id == root.trace_id));
    assert!(root.parent_span_id.is_empty());
    assert_eq!(find("inner").parent_span_id, query.span_id);
    for name in ["SELECT", "elsewhere", "batch"] {
        assert_eq!(find(name).parent_span_id, root.span_id, "{name}");
    }
    assert_eq!((root.kind(), query.kind()), (Kind::Server, Kind::Client));
    assert_eq!(query.status.as_ref().unwrap().message, "no rows");
    assert_eq!(root.links[0].span_id, batch.span_id);
    assert_eq!(batch.links[0].span_id, find("elsewhere").span_id);
    let resource = receiver.resource();
    for (key, value) in [("service.name", "test"), ("service.instance.id", "test-127.0.0.1-1")] {
        assert!(resource.contains(&(key.to_owned(), value.to_owned())), "{resource:?}");
    }
    assert_eq!(tracer.counts(), Counts { exported: 5, dropped: 0, failures: 0 });
}

#[tokio::test]
async fn nothing_listens() {
    let (listener, address) = listener().await;
    drop(listener);
    let tracer = tracer(address);
    drop(request(&tracer));
    let began = Instant::now();
    tracer.shutdown(WITHIN).await;
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    assert_eq!(tracer.counts(), Counts { exported: 0, dropped: 1, failures: 1 });
    let began = Instant::now();
    tracer.shutdown(WITHIN).await;
    assert!(began.elapsed() < Duration::from_millis(50), "{:?}", began.elapsed());
}

#[tokio::test]
async fn endpoint_never_responds() {
    let (_listener, address) = listener().await;
    let tracer = tracer(address);
    drop(request(&tracer));
    let began = Instant::now();
    tracer.shutdown(Duration::from_millis(300)).await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn endpoint_speaks_another_protocol() {
    let (listener, address) = listener().await;
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 64];
            _ = stream.read(&mut request).await;
            _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        }
    });
    let tracer = tracer(address);
    drop(request(&tracer));
    tracer.shutdown(WITHIN).await;
    let Counts { exported, dropped, failures } = tracer.counts();
    assert_eq!((exported, dropped), (0, 1));
    assert!(failures >= 1);
}

#[tokio::test]
async fn full_queue_drops_and_counts() {
    let (_listener, address) = listener().await;
    let tracer = tracer(address);
    for _ in 0..3000 {
        drop(request(&tracer));
    }
    // The export task has not run since.
    assert_eq!(tracer.counts().dropped, 3000 - 2048);
}

#[tokio::test]
async fn endpoint_that_comes_later_gets_what_follows() {
    let (first, address) = listener().await;
    drop(first);
    let tracer = tracer(address);
    drop(request(&tracer));
    while tracer.counts().dropped == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (receiver, _) = Receiver::start(tokio::net::TcpListener::bind(address).await.unwrap()).await;
    drop(request(&tracer));
    while receiver.spans().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
