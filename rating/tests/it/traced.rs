//! The traces of requests, on a SQLite file.

use axum::http::Method;
use discovery::Registry;
use service::testing::Running;
use std::sync::Arc;
use storage::testing::File;
use trace::testing::{ReceivedKind, ReceivedSpan, Receiver, listener};

/// Starts the service, which exports to the receiver. Its last spans have arrived when it has stopped.
async fn start(file: &File, arguments: &[&str]) -> (Running, Receiver) {
    let (listener, address) = listener().await.unwrap();
    let (receiver, _) = Receiver::start(listener);
    let (database, endpoint) = (format!("sqlite:{}", file.path().display()), format!("http://{address}"));
    let flags = ["--database", &database, "--otlp-endpoint", &endpoint, "--trace-max-rate", "10000"];
    let all = ["rating", "--workers", "2"].iter().chain(&flags).chain(arguments);
    let config: rating::Config = service::testing::parse(all).unwrap();
    let registry: Arc<dyn Registry> = discovery::memory::Registry::new();
    let running = Running::start("rating", &registry, |registry, stop| rating::run(config, registry, stop));
    (running.await.unwrap(), receiver)
}

/// Returns the span of this name, which must be the only one.
fn only<'a>(spans: &'a [ReceivedSpan], name: &str) -> &'a ReceivedSpan {
    let mut found = spans.iter().filter(|span| span.name == name);
    let (Some(only), None) = (found.next(), found.next()) else { panic!("{name}: {spans:#?}") };
    only
}

fn children<'a>(spans: &'a [ReceivedSpan], parent: &ReceivedSpan) -> Vec<&'a ReceivedSpan> {
    spans.iter().filter(|span| span.is_child_of(parent)).collect()
}

async fn put(service: &Running, user: usize) {
    let path = format!("/v1/ratings/movie/1/users/{user}");
    let response = service.send(Method::PUT, &path, Some(r#"{"value":7}"#)).await.unwrap();
    assert_eq!(response.status, 201);
}

#[tokio::test]
async fn put_shows_wait_batch_statements_and_commit() {
    let file = File::new().unwrap();
    let (service, receiver) = start(&file, &[]).await;
    put(&service, 1).await;
    service.stop().await.unwrap();

    let spans = receiver.spans();
    let (wait, batch) = (only(&spans, "writer queue"), only(&spans, "write batch"));
    let server = spans.iter().find(|span| span.kind() == ReceivedKind::Server).unwrap();
    assert!(server.name.starts_with("PUT /v1/ratings/"), "{server:#?}");
    assert!(wait.is_child_of(server) && wait.is_linked_to(batch) && batch.is_child_of(server));
    assert_eq!(batch.attribute("marquee.batch.size").as_deref(), Some("1"));
    let transaction = only(&spans, "transaction");
    assert!(transaction.is_child_of(batch));
    let statements = children(&spans, transaction);
    for statement in &statements {
        assert_eq!(statement.kind(), ReceivedKind::Client);
        assert_eq!(statement.attribute("db.system.name").as_deref(), Some("sqlite"));
        assert!(statement.attribute("db.operation.name").is_some());
        assert_eq!(statement.attribute("db.query.text"), None);
    }
    let names: Vec<&str> = statements.iter().map(|statement| statement.name.as_str()).collect();
    assert!(
        names.contains(&"INSERT record") && names.iter().any(|name| name.ends_with("COMMIT")),
        "{names:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_puts_are_linked_with_their_batches() {
    const PUTS: usize = 50;
    let file = File::new().unwrap();
    let (service, receiver) = start(&file, &[]).await;
    futures::future::join_all((0..PUTS).map(|user| put(&service, user))).await;
    service.stop().await.unwrap();

    let spans = receiver.spans();
    let named = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();
    let (waits, batches) = (named("writer queue"), named("write batch"));
    let sizes: Vec<usize> =
        batches.iter().map(|batch| batch.attribute("marquee.batch.size").unwrap().parse().unwrap()).collect();
    assert_eq!((waits.len(), sizes.iter().sum::<usize>()), (PUTS, PUTS));
    assert!(sizes.iter().any(|size| *size > 1), "{sizes:?}");
    for (batch, size) in batches.into_iter().zip(sizes) {
        assert_eq!(batch.links.len(), size - 1);
        assert_eq!(waits.iter().filter(|wait| wait.is_linked_to(batch)).count(), size);
    }
}

#[tokio::test]
async fn get_shows_cache_miss_with_its_statement_and_then_a_hit() {
    let file = File::new().unwrap();
    let (service, receiver) = start(&file, &[]).await;
    for _ in 0..2 {
        // A record without ratings is in no memory but the cache's.
        assert_eq!(service.get("/v1/ratings/movie/none").await.unwrap().status, 404);
    }
    service.stop().await.unwrap();

    let spans = receiver.spans();
    let mut requests: Vec<_> = spans.iter().filter(|span| span.kind() == ReceivedKind::Server).collect();
    requests.sort_by_key(|span| span.start_time_unix_nano);
    let [miss, hit] = requests[..] else { panic!("{spans:#?}") };
    let cache = |span: &ReceivedSpan| span.attribute("marquee.cache");
    assert_eq!((cache(miss).as_deref(), cache(hit).as_deref()), (Some("miss"), Some("hit")));
    let statement = only(&spans, "SELECT record");
    assert!(statement.is_child_of(miss) && children(&spans, hit).is_empty(), "{spans:#?}");
    assert_eq!(statement.attribute("db.collection.name").as_deref(), Some("record"));
}

#[tokio::test]
async fn unsampled_requests_have_no_spans() {
    let file = File::new().unwrap();
    let (service, receiver) = start(&file, &["--trace-sampler", "always_off"]).await;
    put(&service, 1).await;
    assert_eq!(service.get("/v1/ratings/movie/1").await.unwrap().status, 200);
    service.stop().await.unwrap();
    assert!(receiver.spans().is_empty());
}
