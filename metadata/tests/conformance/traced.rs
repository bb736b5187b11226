//! The spans of statements.

use crate::Outcome;
use crate::movies::{id, movie};
use crate::store::Store;
use std::time::Duration;
use trace::SpanKind;
use trace::testing::{Receiver, listener, tracer};

pub(crate) async fn statements_of_sampled_request_are_its_spans(store: Store) -> Outcome {
    let (listener, address) = listener().await?;
    let (tracer, (receiver, _)) = (tracer(address), Receiver::start(listener));
    let request = tracer.enter("request", SpanKind::Server, None);
    let sampled = async {
        store.repository.batch_put(&[movie("1", "Heat")]).await?;
        store.repository.get(&id("1")).await
    };
    assert!(request.run(sampled).await?.is_some());
    store.repository.batch_put(&[movie("2", "Ran")]).await?;
    drop(request);
    tracer.shutdown(Duration::from_secs(10)).await;

    let spans = receiver.spans();
    let only = |name: &str| match &spans.iter().filter(|span| span.name == name).collect::<Vec<_>>()[..] {
        [only] => *only,
        _ => panic!("{name}: {spans:#?}"),
    };
    let (request, transaction) = (only("request"), only("transaction"));
    assert!(only("write batch").is_child_of(request) && transaction.is_child_of(only("write batch")));
    for name in ["SELECT revision", "INSERT metadata", "UPDATE revision", "COMMIT"] {
        let statement = only(name);
        assert!(statement.is_child_of(transaction));
        assert_eq!(statement.attribute("db.system.name").as_deref(), Some(store.system()));
        assert_eq!(statement.attribute("db.query.text"), None);
    }
    let is_read = |span: &trace::testing::ReceivedSpan| span.name == "SELECT metadata";
    assert!(spans.iter().any(|span| is_read(span) && span.is_child_of(request)), "{spans:#?}");
    Ok(())
}
