//! The context that is sent on.

use crate::receiver::{listener, tracer};
use http::{HeaderMap, HeaderValue};
use trace::{Config, Parent, RequestScope, Sampler, SpanKind, Tracer};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn headers(flags: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(
        "traceparent",
        HeaderValue::try_from(format!("00-{TRACE}-00f067aa0ba902b7-{flags}")).unwrap(),
    );
    headers.insert("tracestate", HeaderValue::from_static("vendor=1,other=2"));
    headers
}

/// Returns what is sent on while a request with `received` is served.
async fn sent(tracer: &Tracer, received: &HeaderMap) -> HeaderMap {
    let parent = Parent::from_headers(received);
    let span = tracer.enter("x", SpanKind::Server, parent.as_ref());
    let call = async {
        let mut headers = HeaderMap::new();
        tracer.inject(&mut headers);
        headers
    };
    RequestScope::new(received, parent).run(span.run(call)).await
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn sampled_request_continues_its_callers_trace() {
    let (_listener, address) = listener().await;
    let sent = sent(&tracer(address), &headers("01")).await;
    let parent = text(&sent, "traceparent");
    assert!(parent.starts_with(&format!("00-{TRACE}-")) && parent.ends_with("-01"), "{parent}");
    assert!(!parent.contains("00f067aa0ba902b7"), "{parent}");
    assert_eq!(text(&sent, "tracestate"), "vendor=1,other=2");
}

#[tokio::test]
async fn unsampled_request_passes_its_context_on() {
    let (_listener, address) = listener().await;
    let received = headers("00");
    assert_eq!(sent(&tracer(address), &received).await, received);
}

#[tokio::test]
async fn request_without_context_tells_callee_not_to_sample() {
    let (_listener, address) = listener().await;
    let endpoint = Some(format!("http://{address}"));
    let off = Tracer::start(&Config { endpoint, sampler: Sampler::AlwaysOff, ..Config::default() }, "test");
    let sent = sent(&off, &HeaderMap::new()).await;
    let parent = Parent::from_headers(&sent).unwrap();
    assert!(!parent.is_sampled() && sent.len() == 1);
    assert!(!tracer(address).enter("x", SpanKind::Server, Some(&parent)).is_recording());
}

#[tokio::test]
async fn disabled_tracer_sends_nothing() {
    assert!(sent(&Tracer::disabled(), &headers("01")).await.is_empty());
}
