//! The spans of sampled writes.

use super::*;
use ::trace::testing::{ReceivedSpan, Receiver, listener, tracer};
use ::trace::{Span, SpanKind, Tracer};

const WITHIN: Duration = Duration::from_secs(10);

async fn start() -> (Tracer, Receiver) {
    let (listener, address) = listener().await.unwrap();
    (tracer(address), Receiver::start(listener).0)
}

/// Returns the spans of this name, in the order in which they ended.
fn named<'a>(spans: &'a [ReceivedSpan], name: &str) -> Vec<&'a ReceivedSpan> {
    spans.iter().filter(|span| span.name == name).collect()
}

fn size(span: &ReceivedSpan) -> String {
    span.attribute("marquee.batch.size").unwrap()
}

/// Starts a call in a request of its own; returns its span, which is still open.
fn call(fixture: &Fixture, tracer: &Tracer, user: usize) -> (Span, Calling<Outcome>) {
    let request = tracer.enter("request", SpanKind::Server, None);
    let writer = fixture.writer.clone();
    let calling = tokio::spawn(request.run(async move { writer.write(put(user)).await }));
    (request, calling)
}

#[tokio::test]
async fn sampled_writes_share_a_batch_and_are_linked_with_it() {
    let (tracer, receiver) = start().await;
    let fixture = Fixture::new(false);
    let unsampled = fixture.first_call().await;
    let (mut requests, mut calls) = (Vec::new(), vec![unsampled]);
    for user in 1..=2 {
        let (request, calling) = call(&fixture, &tracer, user);
        requests.push(request);
        calls.push(calling);
        fixture.queued(user + 1).await;
    }
    calls.push(fixture.call(3));
    fixture.queued(4).await;
    fixture.open();
    for calling in calls {
        calling.await.unwrap().unwrap();
    }
    drop(requests);
    tracer.shutdown(WITHIN).await;

    let spans = receiver.spans();
    let (requests, waits) = (named(&spans, "request"), named(&spans, "writer queue"));
    let [batch] = named(&spans, "write batch")[..] else { panic!("{spans:#?}") };
    let [transaction] = named(&spans, "transaction")[..] else { panic!("{spans:#?}") };
    assert_eq!((requests.len(), waits.len(), spans.len()), (2, 2, 6), "{spans:#?}");
    assert!(transaction.is_child_of(batch));
    assert_eq!((size(batch), size(transaction)), ("3".to_owned(), "3".to_owned()));
    let (mut first, mut other) = (requests[0], requests[1]);
    if !batch.is_child_of(first) {
        (first, other) = (other, first);
    }
    assert!(batch.is_child_of(first) && batch.is_linked_to(other));
    for request in [first, other] {
        let wait = waits.iter().find(|wait| wait.is_child_of(request)).unwrap();
        assert!(wait.is_linked_to(batch), "{wait:#?}");
        assert!(wait.end_time_unix_nano <= transaction.start_time_unix_nano, "{wait:#?}");
    }
}

#[tokio::test]
async fn conflicts_and_bisections_are_transactions_of_their_own() {
    let (tracer, receiver) = start().await;
    let fixture = Fixture::with(false, &[2], 1);
    fixture.open();
    let (request, calling) = call(&fixture, &tracer, 1);
    calling.await.unwrap().unwrap();
    drop(request);
    let joined = tracer.enter("joined", SpanKind::Server, None);
    let writer = &fixture.writer;
    let both = async { tokio::join!(writer.write(put(2)), writer.write(put(3))) };
    let (rejected, written) = joined.run(both).await;
    assert!(rejected.is_err() && written.is_ok());
    drop(joined);
    tracer.shutdown(WITHIN).await;

    let spans = receiver.spans();
    let batches = named(&spans, "write batch");
    let transactions = |batch: &ReceivedSpan| -> Vec<(String, String, bool)> {
        let transactions = named(&spans, "transaction").into_iter().filter(|span| span.is_child_of(batch));
        let described =
            |span: &ReceivedSpan| (span.attribute("marquee.attempt").unwrap(), size(span), span.has_failed());
        transactions.map(described).collect()
    };
    let expected = |all: &[(&str, &str, bool)]| -> Vec<(String, String, bool)> {
        all.iter().map(|(attempt, size, failed)| ((*attempt).into(), (*size).into(), *failed)).collect()
    };
    assert_eq!(transactions(batches[0]), expected(&[("1", "1", true), ("2", "1", false)]));
    assert_eq!(transactions(batches[1]), expected(&[("1", "2", true), ("1", "1", true), ("1", "1", false)]));
}

#[tokio::test]
async fn unsampled_writes_have_no_spans() {
    let (tracer, receiver) = start().await;
    let fixture = Fixture::new(false);
    fixture.open();
    fixture.call(1).await.unwrap().unwrap();
    tracer.shutdown(WITHIN).await;
    assert!(receiver.spans().is_empty());
}
