//! What every registry must do: cases for test programs, to be run against each implementation.

use crate::registry::{Error, Instance, InstanceSet, Registry};
use fault::{Fault, Kind};
use futures::future::{BoxFuture, FutureExt};
use futures::stream::{BoxStream, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long a change may take to be seen.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a case does with a registry of its own, empty at the start. It panics where the registry fails it.
pub type Run = fn(Arc<dyn Registry>) -> BoxFuture<'static, Result<(), Error>>;

/// A case by its name.
pub type Case = (&'static str, Run);

/// All cases.
pub const CASES: &[Case] = &[
    ("an_unknown_service_has_no_instances", |r| an_unknown_service_has_no_instances(r).boxed()),
    ("an_instance_is_found_as_it_was_registered", |r| an_instance_is_found_as_it_was_registered(r).boxed()),
    ("a_later_watch_starts_with_what_is_there", |r| a_later_watch_starts_with_what_is_there(r).boxed()),
    ("instances_come_sorted_by_id", |r| instances_come_sorted_by_id(r).boxed()),
    ("the_same_id_again_replaces_the_instance", |r| the_same_id_again_replaces_the_instance(r).boxed()),
    ("an_equal_registration_is_no_change", |r| an_equal_registration_is_no_change(r).boxed()),
    ("a_heartbeat_is_no_change", |r| a_heartbeat_is_no_change(r).boxed()),
    ("a_heartbeat_of_an_unknown_instance_is_not_found", |r| unknown_heartbeat(r).boxed()),
    ("a_deregistered_instance_is_gone_and_not_found", |r| a_deregistered_instance_is_gone(r).boxed()),
    ("deregistering_twice_is_no_error", |r| deregistering_twice_is_no_error(r).boxed()),
    ("a_service_is_watched_apart_from_others", |r| a_service_is_watched_apart_from_others(r).boxed()),
    ("every_watch_sees_every_last_state", |r| every_watch_sees_every_last_state(r).boxed()),
    ("a_deregistered_instance_can_return", |r| a_deregistered_instance_can_return(r).boxed()),
];

fn instance(service: &str, host: &str, port: u16) -> Instance {
    Instance {
        service: service.to_owned(),
        id: format!("{service}-host-{port}"),
        host: host.to_owned(),
        port,
        tags: vec!["grpc".to_owned(), "rest".to_owned()],
    }
}

async fn next(watch: &mut BoxStream<'static, InstanceSet>) -> InstanceSet {
    match timeout(PATIENCE, watch.next()).await {
        Ok(Some(set)) => set,
        Ok(None) => panic!("the watch ended"),
        Err(_) => panic!("no change was seen within {PATIENCE:?}"),
    }
}

/// Follows the watch until it shows `expected`, however many states lie between.
async fn until(watch: &mut BoxStream<'static, InstanceSet>, expected: &[Instance]) {
    let mut last = None;
    let follow = async {
        while last.as_deref() != Some(expected) {
            last = Some(next(watch).await);
        }
    };
    if timeout(PATIENCE, follow).await.is_err() {
        panic!("expected {expected:?}, last seen {last:?}");
    }
}

async fn an_unknown_service_has_no_instances(registry: Arc<dyn Registry>) -> Result<(), Error> {
    assert!(next(&mut registry.watch("rating")).await.is_empty());
    Ok(())
}

async fn an_instance_is_found_as_it_was_registered(registry: Arc<dyn Registry>) -> Result<(), Error> {
    let mut watch = registry.watch("rating");
    assert!(next(&mut watch).await.is_empty());
    let one = instance("rating", "10.1.2.3", 8082);
    registry.register(&one).await?;
    assert_eq!(next(&mut watch).await[..], [one]);
    Ok(())
}

async fn a_later_watch_starts_with_what_is_there(registry: Arc<dyn Registry>) -> Result<(), Error> {
    let one = instance("rating", "rating.internal", 8082);
    registry.register(&one).await?;
    assert_eq!(next(&mut registry.watch("rating")).await[..], [one]);
    Ok(())
}

async fn instances_come_sorted_by_id(registry: Arc<dyn Registry>) -> Result<(), Error> {
    let [a, b, c] = [1, 2, 3].map(|port| instance("rating", "::1", port));
    for each in [&b, &c, &a] {
        registry.register(each).await?;
    }
    until(&mut registry.watch("rating"), &[a, b, c]).await;
    Ok(())
}

async fn the_same_id_again_replaces_the_instance(registry: Arc<dyn Registry>) -> Result<(), Error> {
    let before = instance("rating", "127.0.0.1", 8082);
    let after = Instance { host: "127.0.0.2".to_owned(), tags: Vec::new(), ..before.clone() };
    registry.register(&before).await?;
    let mut watch = registry.watch("rating");
    assert_eq!(next(&mut watch).await[..], [before]);
    registry.register(&after).await?;
    until(&mut watch, &[after]).await;
    Ok(())
}

async fn an_equal_registration_is_no_change(registry: Arc<dyn Registry>) -> Result<(), Error> {
    let [one, two] = [1, 2].map(|port| instance("rating", "127.0.0.1", port));
    registry.register(&one).await?;
    let mut watch = registry.watch("rating");
    assert_eq!(next(&mut watch).await.len(), 1);
    registry.register(&one).await?;
    registry.register(&two).await?;
    assert_eq!(next(&mut watch).await[..], [one, two]);
    Ok(())
}

async fn a_heartbeat_is_no_change(registry: Arc<dyn Registry>) -> Result<(), Error> {
    let [one, two] = [1, 2].map(|port| instance("rating", "127.0.0.1", port));
    registry.register(&one).await?;
    let mut watch = registry.watch("rating");
    assert_eq!(next(&mut watch).await.len(), 1);
    registry.heartbeat(&one).await?;
    registry.heartbeat(&one).await?;
    registry.register(&two).await?;
    assert_eq!(next(&mut watch).await[..], [one, two]);
    Ok(())
}

async fn unknown_heartbeat(registry: Arc<dyn Registry>) -> Result<(), Error> {
    let error = registry.heartbeat(&instance("rating", "127.0.0.1", 1)).await.err();
    assert_eq!(error.map(|error| error.kind()), Some(Kind::NotFound));
    Ok(())
}

async fn a_deregistered_instance_is_gone(registry: Arc<dyn Registry>) -> Result<(), Error> {
    let [one, two] = [1, 2].map(|port| instance("rating", "127.0.0.1", port));
    registry.register(&one).await?;
    registry.register(&two).await?;
    let mut watch = registry.watch("rating");
    until(&mut watch, &[one.clone(), two.clone()]).await;
    registry.deregister(&one).await?;
    until(&mut watch, &[two]).await;
    let error = registry.heartbeat(&one).await.err();
    assert_eq!(error.map(|error| error.kind()), Some(Kind::NotFound));
    Ok(())
}

async fn deregistering_twice_is_no_error(registry: Arc<dyn Registry>) -> Result<(), Error> {
    let one = instance("rating", "127.0.0.1", 1);
    registry.register(&one).await?;
    registry.deregister(&one).await?;
    registry.deregister(&one).await
}

async fn a_service_is_watched_apart_from_others(registry: Arc<dyn Registry>) -> Result<(), Error> {
    let rating = instance("rating", "127.0.0.1", 1);
    registry.register(&rating).await?;
    let mut watch = registry.watch("rating");
    assert_eq!(next(&mut watch).await.len(), 1);
    registry.register(&instance("metadata", "127.0.0.1", 2)).await?;
    registry.deregister(&rating).await?;
    assert!(next(&mut watch).await.is_empty());
    Ok(())
}

async fn every_watch_sees_every_last_state(registry: Arc<dyn Registry>) -> Result<(), Error> {
    let mut watches = [registry.watch("rating"), registry.watch("rating")];
    let one = instance("rating", "127.0.0.1", 1);
    registry.register(&one).await?;
    for watch in &mut watches {
        until(watch, std::slice::from_ref(&one)).await;
    }
    registry.deregister(&one).await?;
    for watch in &mut watches {
        until(watch, &[]).await;
    }
    Ok(())
}

async fn a_deregistered_instance_can_return(registry: Arc<dyn Registry>) -> Result<(), Error> {
    let one = instance("rating", "127.0.0.1", 1);
    let mut watch = registry.watch("rating");
    registry.register(&one).await?;
    until(&mut watch, std::slice::from_ref(&one)).await;
    registry.deregister(&one).await?;
    until(&mut watch, &[]).await;
    registry.register(&one).await?;
    until(&mut watch, std::slice::from_ref(&one)).await;
    registry.heartbeat(&one).await
}
