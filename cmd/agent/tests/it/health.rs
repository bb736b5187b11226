//! The health of the agent's services as a status code, and checks registered separately.

use crate::agent::Agent;
use serde_json::json;

async fn register(agent: &Agent, id: &str, status: &str) {
    let check = format!(r#"{{"TTL":"10s","Status":"{status}"}}"#);
    agent.register(&format!(r#"{{"Name":"web","ID":"{id}","Check":{check}}}"#)).await.done();
}

#[tokio::test]
async fn worst_check_determines_status() {
    let agent = Agent::start().await;
    agent.register(r#"{"Name":"bare"}"#).await.done();
    for (id, status) in [("one", "passing"), ("two", "warning"), ("three", "critical")] {
        register(&agent, id, status).await;
    }
    for (path, status, reason) in [
        ("id/one", 200, "passing"),
        ("id/two", 429, "warning"),
        ("id/three", 503, "critical"),
        ("id/bare", 200, "passing"),
        ("id/none", 404, "ServiceId none not found"),
        ("name/web", 503, "critical"),
        ("name/bare", 200, "passing"),
        ("name/none", 404, "ServiceName none Not Found"),
    ] {
        let answer = agent.get(&format!("/v1/agent/health/service/{path}")).await;
        assert_eq!((answer.status, answer.header("x-consul-reason")), (status, Some(reason)), "{path}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
        let text = agent.get(&format!("/v1/agent/health/service/{path}?format=text")).await;
        assert_eq!(text.refusal(), (status, reason), "{path}");
    }
    let one = agent.get("/v1/agent/health/service/id/one").await.json();
    assert_eq!((&one["AggregatedStatus"], &one["Service"]["ID"]), (&json!("passing"), &json!("one")));
    assert_eq!(one["Checks"][0]["CheckID"], "service:one");
    let web = agent.get("/v1/agent/health/service/name/web").await.json();
    assert_eq!(web.as_array().unwrap().len(), 3);
    assert_eq!(agent.get("/v1/agent/health/service/id/").await.refusal(), (400, "Missing serviceID"));
}

#[tokio::test]
async fn check_can_be_added_to_service_and_removed() {
    let agent = Agent::start().await;
    agent.register(r#"{"Name":"web"}"#).await.done();
    let body = r#"{"ID":"disk","Name":"Disk","ServiceID":"web","TTL":"10s"}"#;
    agent.put("/v1/agent/check/register", body).await.done();
    assert!(agent.passing("web").await.is_empty());
    let index = agent.get("/v1/health/service/web").await.index();
    agent.put("/v1/agent/check/deregister/disk", "").await.done();
    assert_eq!(agent.passing("web").await, ["web"]);
    assert!(agent.get("/v1/health/service/web").await.index() > index);

    let again = agent.put("/v1/agent/check/deregister/disk", "").await;
    assert_eq!((again.status, again.body.starts_with(r#"Unknown check ID "disk""#)), (404, true));
    for (body, refusal) in [
        (r#"{"ServiceID":"web","TTL":"10s"}"#, (400, "Missing check name")),
        (r#"{"Name":"x","ServiceID":"none","TTL":"10s"}"#, (404, r#"ServiceID "none" does not exist"#)),
        (r#"{"Name":"x","ServiceID":"web"}"#, (400, "Invalid check: TTL must be > 0 for TTL checks")),
    ] {
        assert_eq!(agent.put("/v1/agent/check/register", body).await.refusal(), refusal, "{body}");
    }
    let node = agent.put("/v1/agent/check/register", r#"{"Name":"x","TTL":"10s"}"#).await;
    assert_eq!(node.status, 501);
}
