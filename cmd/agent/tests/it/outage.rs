//! A service's registration and a caller's watch while the agent is killed and restarted empty.

use crate::agent::Agent;
use agent::Config;
use discovery::{Instance, Registry, consul, registration};
use futures::StreamExt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

fn instance() -> Instance {
    let (service, id) = ("rating".to_owned(), "rating-host-8082".to_owned());
    Instance { service, id, host: "127.0.0.1".into(), port: 8082, tags: vec!["grpc".into()] }
}

fn registry(address: SocketAddr) -> Arc<consul::Registry> {
    let config = consul::Config { url: address.to_string(), ..consul::Config::default() };
    Arc::new(consul::Registry::new(config).unwrap())
}

async fn restarted(address: SocketAddr) -> Agent {
    let listener = loop {
        match TcpListener::bind(address).await {
            Ok(listener) => break listener,
            Err(_) => sleep(Duration::from_millis(5)).await,
        }
    };
    Agent::on(listener, Config::default())
}

async fn is_passing(agent: &Agent) {
    let passing = async {
        while agent.passing("rating").await.is_empty() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(Duration::from_secs(20), passing).await.is_ok(), "never registered");
}

/// Returns the sizes of all sets seen by a caller that watches continuously.
fn followed(registry: &consul::Registry) -> watch::Receiver<Vec<usize>> {
    let (sizes, seen) = watch::channel(Vec::new());
    let mut sets = registry.watch("rating");
    tokio::spawn(async move {
        while let Some(set) = sets.next().await {
            sizes.send_modify(|sizes| sizes.push(set.len()));
        }
    });
    seen
}

#[tokio::test]
async fn registration_survives_agent_that_restarts_empty_without_gap_in_watch() {
    let agent = Agent::start().await;
    let registry = registry(agent.address);
    let stop = CancellationToken::new();
    let announced = tokio::spawn(registration::announce(registry.clone(), instance(), stop.clone()));
    let mut sizes = followed(&registry);
    timeout(Duration::from_secs(20), sizes.wait_for(|sizes| sizes.ends_with(&[1]))).await.unwrap().unwrap();

    let address = agent.address;
    drop(agent);
    // The outage: longer than the pause between two polls, so that it is noticed.
    sleep(Duration::from_millis(300)).await;
    let agent = restarted(address).await;
    let start = Instant::now();
    is_passing(&agent).await;
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}: a lost watch tells at once", start.elapsed());

    stop.cancel();
    timeout(Duration::from_secs(5), announced).await.unwrap().unwrap();
    assert!(agent.passing("rating").await.is_empty());
    // The service is now gone, but soon after an outage its absence is not believed either.
    assert!(timeout(Duration::from_secs(1), sizes.wait_for(|sizes| sizes.ends_with(&[1, 0]))).await.is_err());
}

#[tokio::test]
async fn agent_that_restarts_empty_has_no_check() {
    let agent = Agent::start().await;
    agent.register(r#"{"Name":"rating","Check":{"TTL":"10s"}}"#).await.done();
    agent.put("/v1/agent/check/pass/service:rating", "").await.done();
    let address = agent.address;
    drop(agent);
    let answer = restarted(address).await.put("/v1/agent/check/pass/service:rating", "").await;
    assert_eq!((answer.status, answer.body.starts_with("Unknown check ID")), (404, true), "{answer:?}");
}

#[tokio::test]
async fn service_started_without_agent_registers_within_two_seconds_of_its_start() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let stop = CancellationToken::new();
    let announced = tokio::spawn(registration::announce(registry(address), instance(), stop.clone()));
    // Long enough for the pauses between attempts to have grown to their limit.
    sleep(Duration::from_millis(1500)).await;
    let agent = restarted(address).await;
    let start = Instant::now();
    is_passing(&agent).await;
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    stop.cancel();
    announced.await.unwrap();
}
