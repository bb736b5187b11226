//! The traces of requests, on a SQLite file.

use axum::http::Method;
use service::testing::Running;
use storage::testing::File;
use trace::testing::{ReceivedKind, ReceivedSpan, Receiver, listener};

/// Starts the service, which exports to the receiver. Its last spans have arrived when it has stopped.
async fn start(file: &File) -> (Running, Receiver) {
    let (listener, address) = listener().await.unwrap();
    let (receiver, _) = Receiver::start(listener);
    let (database, endpoint) = (format!("sqlite:{}", file.path().display()), format!("http://{address}"));
    let flags = ["--database", &database, "--otlp-endpoint", &endpoint, "--trace-max-rate", "10000"];
    let config: metadata::Config =
        service::testing::parse(["metadata", "--workers", "2"].iter().chain(&flags)).unwrap();
    let registry: std::sync::Arc<dyn discovery::Registry> = discovery::memory::Registry::new();
    let running =
        Running::start("metadata", &registry, |registry, stop| metadata::run(config, registry, stop));
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

async fn put(service: &Running, id: usize) {
    let path = format!("/v1/metadata/{id}");
    let response = service.send(Method::PUT, &path, Some(r#"{"title":"Heat"}"#)).await.unwrap();
    assert_eq!(response.status, 201);
}

#[tokio::test]
async fn put_shows_wait_batch_statements_and_commit() {
    let file = File::new().unwrap();
    let (service, receiver) = start(&file).await;
    put(&service, 1).await;
    service.stop().await.unwrap();

    let spans = receiver.spans();
    let server = only(&spans, "PUT /v1/metadata/{id}");
    let (wait, batch) = (only(&spans, "writer queue"), only(&spans, "write batch"));
    assert!(wait.is_child_of(server) && wait.is_linked_to(batch) && batch.is_child_of(server));
    assert_eq!(batch.attribute("marquee.batch.size").as_deref(), Some("1"));
    let transaction = only(&spans, "transaction");
    assert!(transaction.is_child_of(batch));
    for name in ["SELECT revision", "INSERT metadata", "UPDATE revision", "COMMIT"] {
        let statement = only(&spans, name);
        assert!(statement.is_child_of(transaction) && statement.kind() == ReceivedKind::Client);
        assert_eq!(statement.attribute("db.system.name").as_deref(), Some("sqlite"));
        assert_eq!(statement.attribute("db.query.text"), None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_puts_are_linked_with_their_batches() {
    const PUTS: usize = 50;
    let file = File::new().unwrap();
    let (service, receiver) = start(&file).await;
    futures::future::join_all((0..PUTS).map(|id| put(&service, id))).await;
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
    let (service, receiver) = start(&file).await;
    put(&service, 1).await;
    for path in ["/v1/metadata/1", "/v1/metadata/1", "/v1/metadata?ids=1,2"] {
        assert_eq!(service.get(path).await.unwrap().status, 200);
    }
    service.stop().await.unwrap();

    let spans = receiver.spans();
    let mut requests: Vec<_> = spans.iter().filter(|span| span.name.starts_with("GET ")).collect();
    requests.sort_by_key(|span| span.start_time_unix_nano);
    let found: Vec<_> = requests
        .into_iter()
        .map(|request| {
            let statements = children(&spans, request).into_iter().map(|span| span.name.as_str()).collect();
            (request.attribute("marquee.cache").unwrap(), statements)
        })
        .collect();
    let expected: [(&str, Vec<&str>); 3] = [
        ("miss", vec!["SELECT metadata"]),
        ("hit", Vec::new()),
        // The statement reads from `json_each`, which is no table.
        ("partial", vec!["SELECT metadata"]),
    ];
    assert_eq!(found, expected.map(|(cache, statements)| (cache.to_owned(), statements)));
}
