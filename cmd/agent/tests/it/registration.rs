//! Registration, heartbeats, deregistration, and expiry of checks.

use crate::agent::Agent;
use agent::Config;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

const WEB: &str = r#"{"Name":"web","Port":80,"Check":{"TTL":"10s"}}"#;

#[tokio::test]
async fn service_without_checks_passes() {
    let agent = Agent::start().await;
    agent.register(r#"{"Name":"web"}"#).await.done();
    assert!(agent.get("/v1/agent/services").await.json().get("web").is_some());
    assert_eq!(agent.passing("web").await, ["web"]);
}

#[tokio::test]
async fn ttl_check_is_critical_until_it_passes() {
    let agent = Agent::start().await;
    agent.register(WEB).await.done();
    assert_eq!(agent.check("service:web").await["Status"], "critical");
    assert!(agent.passing("web").await.is_empty());
    assert_eq!(agent.get("/v1/health/service/web").await.json().as_array().unwrap().len(), 1);
    agent.put("/v1/agent/check/pass/service:web?note=up", "").await.done();
    assert_eq!(agent.passing("web").await, ["web"]);
    assert_eq!(agent.check("service:web").await["Output"], "up");
}

#[tokio::test]
async fn several_checks_must_all_pass() {
    let agent = Agent::start().await;
    agent.register(r#"{"Name":"web","Checks":[{"TTL":"10s"},{"TTL":"10s"}]}"#).await.done();
    agent.put("/v1/agent/check/pass/service:web:1", "").await.done();
    assert!(agent.passing("web").await.is_empty());
    agent.put("/v1/agent/check/pass/service:web:2", "").await.done();
    assert_eq!(agent.passing("web").await, ["web"]);
    agent.put("/v1/agent/check/warn/service:web:2", "").await.done();
    assert!(agent.passing("web").await.is_empty());
}

#[tokio::test]
async fn invalid_bodies_change_nothing() {
    let agent = Agent::start().await;
    for (body, text) in [
        ("{}", "Missing service name"),
        ("", "Request decode failed: EOF"),
        (r#"{"Name":"web","Foo":1}"#, r#"Request decode failed: json: unknown field "Foo""#),
        (r#"{"Name":"web","Address":"0.0.0.0"}"#, "Invalid service address"),
        (
            r#"{"Name":"web","Check":{"TTL":"10"}}"#,
            r#"Request decode failed: time: missing unit in duration "10""#,
        ),
        (
            r#"{"Name":"web","Check":{"HTTP":"http://x/"}}"#,
            "Invalid check: Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks",
        ),
        (r#"{"Name":"web","Check":{"Notes":"x"}}"#, "Invalid check: TTL must be > 0 for TTL checks"),
    ] {
        assert_eq!(agent.register(body).await.refusal(), (400, text));
    }
    let large = format!(r#"{{"Name":"{}"}}"#, "x".repeat(1 << 20));
    assert_eq!(agent.register(&large).await.status, 413);
    assert_eq!(agent.get("/v1/agent/services").await.json(), json!({}));
}

#[tokio::test]
async fn keys_are_accepted_in_any_case_and_null_means_absent() {
    let agent = Agent::start().await;
    for body in [
        r#"{"name":"web","check":{"ttl":"10s","deregister_critical_service_after":"1m"}}"#,
        r#"{"Name":"web","Check":null,"Checks":null,"Tags":null,"Meta":null,"Weights":null}"#,
        r#"{"Name":"web","Ports":[],"Proxy":{},"Connect":{},"Locality":{},"Weights":{"Passing":1,"Warning":1}}"#,
    ] {
        agent.register(body).await.done();
        assert_eq!(agent.get("/v1/agent/service/web").await.status, 200, "{body}");
    }
}

#[tokio::test]
async fn equal_registration_keeps_status_output_and_index() {
    let agent = Agent::start().await;
    agent.register(WEB).await.done();
    agent.put("/v1/agent/check/pass/service:web?note=up", "").await.done();
    let before = agent.get("/v1/health/service/web").await;
    agent.register(WEB).await.done();
    let after = agent.get("/v1/health/service/web").await;
    assert_eq!((before.index(), before.json()), (after.index(), after.json()));
}

#[tokio::test]
async fn checks_are_kept_unless_replace_is_set() {
    let agent = Agent::start().await;
    agent.register(WEB).await.done();
    agent.register(r#"{"Name":"web","Port":80}"#).await.done();
    assert_eq!(agent.check("service:web").await["CheckID"], "service:web");
    let replacing = "/v1/agent/service/register?replace-existing-checks=true";
    agent.put(replacing, r#"{"Name":"web","Port":80}"#).await.done();
    assert_eq!(agent.check("service:web").await, Value::Null);
}

#[tokio::test]
async fn deregistration_removes_checks_and_second_one_fails() {
    let agent = Agent::start().await;
    agent.register(WEB).await.done();
    agent.put("/v1/agent/service/deregister/web", "").await.done();
    assert_eq!(agent.get("/v1/agent/checks").await.json(), json!({}));
    assert_eq!(agent.get("/v1/health/service/web").await.json(), json!([]));
    let text = r#"Unknown service ID "web". Ensure that the service ID is passed, not the service name."#;
    assert_eq!(agent.put("/v1/agent/service/deregister/web", "").await.refusal(), (404, text));
}

#[tokio::test]
async fn unknown_check_is_reported_after_invalid_status() {
    let agent = Agent::start().await;
    let text = r#"Unknown check ID "nope". Ensure that the check ID is passed, not the check name."#;
    for call in ["pass", "warn", "fail"] {
        assert_eq!(agent.put(&format!("/v1/agent/check/{call}/nope"), "").await.refusal(), (404, text));
    }
    let update = async |id: &str, body: &str| agent.put(&format!("/v1/agent/check/update/{id}"), body).await;
    assert_eq!(update("nope", r#"{"Status":"passing"}"#).await.refusal(), (404, text));
    assert_eq!(update("nope", r#"{"Status":"ok"}"#).await.refusal(), (400, "Invalid check status: 'ok'"));
    agent.register(WEB).await.done();
    update("service:web", r#"{"Status":"passing","Output":"x"}"#).await.done();
    assert_eq!(agent.check("service:web").await["Output"], "x");
}

/// Waits until the check has this status.
async fn until(agent: &Agent, status: &str) {
    let reached = async {
        while agent.check("service:web").await["Status"] != status {
            sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(Duration::from_secs(10), reached).await.is_ok(), "never {status}");
}

#[tokio::test]
async fn check_without_update_turns_critical_after_ttl() {
    let agent = Agent::start().await;
    agent.register(r#"{"Name":"web","Check":{"TTL":"300ms"}}"#).await.done();
    let start = Instant::now();
    agent.put("/v1/agent/check/pass/service:web?note=up", "").await.done();
    until(&agent, "critical").await;
    assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
    let output = "TTL expired (last output before timeout follows): up";
    assert_eq!(agent.check("service:web").await["Output"], output);

    agent.register(r#"{"Name":"web","Check":{"TTL":"300ms","Status":"passing"}}"#).await.done();
    assert_eq!(agent.check("service:web").await["Status"], "critical");
    agent.put("/v1/agent/check/pass/service:web", "").await.done();
    assert_eq!(agent.check("service:web").await["Status"], "passing");
}

#[tokio::test]
async fn service_that_stays_critical_is_removed() {
    let config = Config { deregister_floor: Duration::from_millis(200), ..Config::default() };
    let agent = Agent::with(config).await;
    let check = r#"{"TTL":"100ms","DeregisterCriticalServiceAfter":"100ms"}"#;
    agent.register(&format!(r#"{{"Name":"web","Check":{check}}}"#)).await.done();
    let start = Instant::now();
    let gone = async {
        while agent.get("/v1/agent/services").await.json() != json!({}) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(Duration::from_secs(10), gone).await.is_ok());
    assert!(start.elapsed() >= Duration::from_millis(250), "{:?}", start.elapsed());
}

#[tokio::test]
async fn registration_restarts_time_until_removal_of_critical_service() {
    let config = Config { deregister_floor: Duration::from_secs(1), ..Config::default() };
    let agent = Agent::with(config).await;
    let body = r#"{"Name":"web","Check":{"TTL":"50ms","DeregisterCriticalServiceAfter":"1s"}}"#;
    agent.register(body).await.done();
    until(&agent, "critical").await;
    let critical = Instant::now();
    sleep(Duration::from_millis(600)).await;
    agent.register(body).await.done();
    let again = Instant::now();
    while agent.get("/v1/agent/services").await.json() != json!({}) {
        assert!(critical.elapsed() < Duration::from_secs(10), "never removed");
        sleep(Duration::from_millis(5)).await;
    }
    assert!(
        again.elapsed() >= Duration::from_millis(950),
        "{:?} after {:?}",
        again.elapsed(),
        critical.elapsed()
    );
}
