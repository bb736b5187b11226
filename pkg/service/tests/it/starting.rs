//! Startup of the service, and its failures.

use crate::running::{Running, no_routes, server, soon};
use discovery::Registry;
use futures::StreamExt;
use service::Config;
use std::error::Error;
use std::sync::atomic::Ordering;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn every_worker_builds_routes_once_and_instance_id_has_address() {
    let running = Running::with(Config { workers: 3, ..Config::for_tests() }).await;
    assert_eq!(running.shared.makes.load(Ordering::Relaxed), 3);
    let set = running.registry.watch("small").next().await.unwrap();
    assert_eq!(set[0].id, format!("small-127.0.0.1-{}", running.address.port()));
    running.stop().await;
}

#[tokio::test]
async fn advertised_address_is_registered() {
    let registry = discovery::memory::Registry::new();
    let stop = CancellationToken::new();
    let config = Config {
        listen: "0.0.0.0:0".parse().unwrap(),
        advertise: Some("films.example:9000".parse().unwrap()),
        ..Config::for_tests()
    };
    let running = tokio::spawn({
        let (registry, stop) = (registry.clone(), stop.clone());
        async move { server(no_routes).run(&config, Some(registry), stop).await }
    });
    let mut sets = registry.watch("small").filter(|set| std::future::ready(!set.is_empty()));
    let set = soon(sets.next()).await.unwrap();
    assert_eq!(
        (set[0].id.as_str(), set[0].authority()),
        ("small-films.example-9000", "films.example:9000".into())
    );
    stop.cancel();
    soon(running).await.unwrap().unwrap();
}

#[tokio::test]
async fn port_in_use_is_an_error_with_port_and_service() {
    let running = Running::start().await;
    let config = Config { listen: running.address, ..Config::for_tests() };
    let error = server(no_routes).run(&config, None, CancellationToken::new());
    let error = soon(error).await.unwrap_err();
    assert_eq!(error.to_string(), format!("small can't listen on {}", running.address));
    assert!(error.source().unwrap().to_string().contains("in use"), "{error:?}");
    running.stop().await;
}

#[tokio::test]
async fn worker_that_fails_to_build_routes_ends_service() {
    let server = server(|| panic!("two routes at one path"));
    let config = Config::for_tests();
    let ended = server.run(&config, None, CancellationToken::new());
    assert_eq!(soon(ended).await.unwrap_err().to_string(), "a worker thread of small panicked");
}
