//! The spans of statements.

use crate::cases::{rating, record};
use crate::stores::Stores;
use rating::batch::{Batch, Write};
use std::time::Duration;
use trace::SpanKind;
use trace::testing::{ReceivedKind, Receiver, listener, tracer};

pub(crate) async fn statements_of_a_sampled_request_are_its_spans(stores: &Stores) {
    let (listener, address) = listener().await.unwrap();
    let (tracer, (receiver, _)) = (tracer(address), Receiver::start(listener));
    let store = stores.first();
    let apply = |user: &str| {
        let batch = Batch::of(vec![Write::Put(rating("1", user, 7))]);
        async move { store.batches.apply(0, &batch).await.unwrap() }
    };
    let request = tracer.enter("request", SpanKind::Server, None);
    let sampled = async {
        apply("ann").await;
        assert!(store.ratings.get_aggregate(&record("none")).await.unwrap().is_none());
    };
    request.run(sampled).await;
    apply("bob").await;
    drop(request);
    tracer.shutdown(Duration::from_secs(10)).await;

    let spans = receiver.spans();
    let request = spans.iter().find(|span| span.name == "request").unwrap();
    let statements: Vec<_> = spans.iter().filter(|span| span.kind() == ReceivedKind::Client).collect();
    assert_eq!(statements.len() + 1, spans.len());
    let Some(system) = stores.system() else {
        assert!(statements.is_empty(), "{statements:#?}");
        return;
    };
    for statement in &statements {
        assert!(statement.is_child_of(request), "{statement:#?}");
        assert_eq!(statement.attribute("db.system.name").as_deref(), Some(system));
        assert_eq!(statement.attribute("db.query.text"), None);
    }
    let names: Vec<&str> = statements.iter().map(|statement| statement.name.as_str()).collect();
    let all = names.join("; ");
    for statement in ["INSERT record", "SELECT record"] {
        assert!(names.contains(&statement), "{statement}: {all}");
    }
    assert_eq!(all.matches("COMMIT").count(), if system == "sqlite" { 1 } else { 2 }, "{all}");
}
