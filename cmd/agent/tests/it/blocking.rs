//! Blocking queries: what wakes them, what does not, and for how long they block.

use crate::agent::{Agent, Answer};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

/// A query in flight.
struct Query(JoinHandle<Answer>);

impl Query {
    fn start(agent: &Arc<Agent>, path: String) -> Self {
        let agent = agent.clone();
        Self(tokio::spawn(async move { agent.get(&path).await }))
    }

    async fn answer(self) -> Answer {
        timeout(Duration::from_secs(10), self.0).await.unwrap().unwrap()
    }

    async fn is_held(&mut self) -> bool {
        timeout(Duration::from_millis(200), &mut self.0).await.is_err()
    }
}

async fn agent() -> Arc<Agent> {
    Arc::new(Agent::start().await)
}

#[tokio::test]
async fn query_for_unknown_service_blocks_until_wait_ends_or_service_appears() {
    let agent = agent().await;
    let none = agent.get("/v1/health/service/none").await;
    assert_eq!(none.json(), json!([]));
    let path = format!("/v1/health/service/none?index={}&wait=", none.index());

    let start = Instant::now();
    let answer = agent.get(&format!("{path}1s")).await;
    let held = start.elapsed();
    assert_eq!(answer.json(), json!([]));
    assert!(held >= Duration::from_secs(1), "{held:?}");

    let mut query = Query::start(&agent, format!("{path}60s"));
    assert!(query.is_held().await);
    agent.register(r#"{"Name":"none"}"#).await.done();
    let answer = query.answer().await;
    assert_eq!(answer.json().as_array().unwrap().len(), 1);
    assert!(answer.index() > none.index());
}

#[tokio::test]
async fn failing_check_wakes_query_and_leaves_passing_list() {
    let agent = agent().await;
    agent.register(r#"{"Name":"web","Check":{"TTL":"10s","Status":"passing"}}"#).await.done();
    let before = agent.get("/v1/health/service/web?passing").await;
    assert_eq!(before.json().as_array().unwrap().len(), 1);
    let path = format!("/v1/health/service/web?passing&index={}&wait=60s", before.index());
    let mut query = Query::start(&agent, path);
    assert!(query.is_held().await);
    agent.put("/v1/agent/check/fail/service:web", "").await.done();
    let answer = query.answer().await;
    assert_eq!(answer.json(), json!([]));
    assert!(answer.index() > before.index());
}

#[tokio::test]
async fn heartbeats_and_other_services_wake_no_query() {
    let agent = agent().await;
    agent.register(r#"{"Name":"web","Check":{"TTL":"10s","Status":"passing"}}"#).await.done();
    let index = agent.get("/v1/health/service/web").await.index();
    let mut query = Query::start(&agent, format!("/v1/health/service/web?index={index}&wait=60s"));
    assert!(query.is_held().await);
    agent.put("/v1/agent/check/pass/service:web?note=still", "").await.done();
    agent.register(r#"{"Name":"other"}"#).await.done();
    agent.put("/v1/agent/service/deregister/other", "").await.done();
    assert!(query.is_held().await);
    agent.put("/v1/agent/service/deregister/web", "").await.done();
    assert_eq!(query.answer().await.json(), json!([]));
}

#[tokio::test]
async fn expired_ttl_wakes_query() {
    let agent = agent().await;
    agent.register(r#"{"Name":"web","Check":{"TTL":"300ms","Status":"passing"}}"#).await.done();
    let index = agent.get("/v1/health/service/web").await.index();
    let answer = Query::start(&agent, format!("/v1/health/service/web?passing&index={index}&wait=60s"));
    assert_eq!(answer.answer().await.json(), json!([]));
}

#[tokio::test]
async fn query_without_index_or_with_old_index_returns_immediately() {
    let agent = agent().await;
    for path in [
        "/v1/health/service/web?wait=60s",
        "/v1/health/service/web?index=0&wait=60s",
        "/v1/health/service/web?index=7&wait=60s",
        "/v1/catalog/services?index=7&wait=60s",
    ] {
        let start = Instant::now();
        agent.get(path).await;
        assert!(start.elapsed() < Duration::from_secs(5), "{path}");
    }
}

#[tokio::test]
async fn every_list_supports_blocking() {
    let agent = agent().await;
    for path in [
        "/v1/catalog/services",
        "/v1/catalog/service/web",
        "/v1/catalog/nodes",
        "/v1/health/checks/web",
        "/v1/health/node/dev",
        "/v1/health/state/any",
        "/v1/internal/ui/services",
        "/v1/internal/ui/nodes",
        "/v1/internal/ui/node/dev",
    ] {
        let index = agent.get(path).await.index();
        let mut query = Query::start(&agent, format!("{path}?index={index}&wait=60s"));
        assert!(query.is_held().await, "{path}");
        agent.register(r#"{"Name":"web"}"#).await.done();
        assert!(query.answer().await.index() > index, "{path}");
        agent.put("/v1/agent/service/deregister/web", "").await.done();
    }
}

#[tokio::test]
async fn single_service_supports_blocking_by_hash() {
    let agent = agent().await;
    agent.register(r#"{"Name":"web","Port":80}"#).await.done();
    let before = agent.get("/v1/agent/service/web").await;
    let hash = before.header("x-consul-contenthash").unwrap();
    let mut query = Query::start(&agent, format!("/v1/agent/service/web?hash={hash}&wait=60s"));
    agent.register(r#"{"Name":"other"}"#).await.done();
    assert!(query.is_held().await);
    agent.register(r#"{"Name":"web","Port":81}"#).await.done();
    let after = query.answer().await;
    assert_eq!(after.json()["Port"], 81);
    assert_ne!(after.header("x-consul-contenthash"), Some(hash));

    let path =
        format!("/v1/agent/service/web?hash={}&wait=60s", after.header("x-consul-contenthash").unwrap());
    let mut query = Query::start(&agent, path);
    assert!(query.is_held().await);
    agent.put("/v1/agent/service/deregister/web", "").await.done();
    assert_eq!(query.answer().await.refusal(), (404, "unknown service ID: web"));
}

#[tokio::test]
async fn query_with_index_from_before_restart_returns_immediately() {
    let agent = agent().await;
    agent.register(r#"{"Name":"web"}"#).await.done();
    let index = agent.get("/v1/health/service/web").await.index();
    let address = agent.address;
    drop(agent);
    let listener = loop {
        match tokio::net::TcpListener::bind(address).await {
            Ok(listener) => break listener,
            Err(_) => sleep(Duration::from_millis(5)).await,
        }
    };
    let agent = Agent::on(listener, agent::Config::default());
    let start = Instant::now();
    let answer = agent.get(&format!("/v1/health/service/web?index={index}&wait=60s")).await;
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(answer.index() > index, "{} after {index}", answer.index());
}

#[tokio::test]
async fn stopping_agent_rejects_blocking_query() {
    let agent = agent().await;
    let index = agent.get("/v1/health/service/web").await.index();
    let mut query = Query::start(&agent, format!("/v1/health/service/web?index={index}&wait=60s"));
    assert!(query.is_held().await);
    agent.stop();
    assert_eq!(query.answer().await.refusal(), (503, "The agent is stopping"));
}
