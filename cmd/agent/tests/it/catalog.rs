//! Direct registrations in the catalog.

use crate::agent::Agent;
use serde_json::json;

const WEB: &str = r#"{"Datacenter":"dc1","Node":"other","Address":"127.0.0.9",
    "Service":{"ID":"web-1","Service":"web","Tags":["v1"],"Port":80},
    "Check":{"Node":"other","CheckID":"web-1-up","Name":"up","Status":"STATUS","Output":"so","ServiceID":"web-1"}}"#;

impl Agent {
    async fn catalog(&self, path: &str, body: &str) -> (u16, String) {
        let answer = self.put(&format!("/v1/catalog/{path}"), body).await;
        (answer.status, answer.body)
    }
}

fn taken() -> (u16, String) {
    (200, "true".to_owned())
}

#[tokio::test]
async fn catalog_registration_replaces_service() {
    let agent = Agent::start().await;
    assert_eq!(agent.catalog("register", &WEB.replace("STATUS", "passing")).await, taken());
    assert_eq!(agent.passing("web").await, ["web-1"]);
    let entry = &agent.get("/v1/catalog/service/web").await.json()[0];
    assert_eq!((&entry["ServiceAddress"], &entry["ServicePort"]), (&json!("127.0.0.9"), &json!(80)));
    let check = agent.check("web-1-up").await;
    assert_eq!((&check["Output"], &check["Type"]), (&json!("so"), &json!("")));

    let index = agent.get("/v1/health/service/web").await.index();
    agent.catalog("register", &WEB.replace("STATUS", "passing")).await;
    assert_eq!(agent.get("/v1/health/service/web").await.index(), index, "the same again is no change");
    agent.catalog("register", &WEB.replace("STATUS", "critical")).await;
    assert!(agent.get("/v1/health/service/web").await.index() > index);
    assert!(agent.passing("web").await.is_empty());
}

#[tokio::test]
async fn catalog_check_cannot_be_updated_through_agent() {
    let agent = Agent::start().await;
    agent.catalog("register", &WEB.replace("STATUS", "passing")).await;
    let answer = agent.put("/v1/agent/check/fail/web-1-up", "").await;
    assert_eq!(answer.refusal(), (500, r#"CheckID "web-1-up" does not have associated TTL"#));
    assert_eq!(agent.passing("web").await, ["web-1"]);
}

#[tokio::test]
async fn catalog_deregistration_of_check_or_service_is_idempotent() {
    let agent = Agent::start().await;
    agent.catalog("register", &WEB.replace("STATUS", "critical")).await;
    for (body, passing) in
        [(r#"{"Node":"other","CheckID":"web-1-up"}"#, &["web-1"][..]), (r#"{"ServiceID":"web-1"}"#, &[])]
    {
        for _ in 0..2 {
            assert_eq!(agent.catalog("deregister", body).await, taken());
            assert_eq!(agent.passing("web").await, passing);
        }
    }
    assert_eq!(agent.get("/v1/agent/services").await.json(), json!({}));
}

#[tokio::test]
async fn invalid_catalog_registration_is_rejected() {
    let agent = Agent::start().await;
    for (path, body, status) in [
        ("register", r#"{"Address":"127.0.0.1","Service":{"Service":"web"}}"#, 500),
        ("register", r#"{"Node":"a","Service":{"Service":"web"}}"#, 500),
        ("register", r#"{"Node":"a","Address":"127.0.0.1","Service":{"ID":"web"}}"#, 500),
        ("register", r#"{"Node":"a","Address":"127.0.0.1","Check":{"Name":"up"}}"#, 501),
        ("register", r#"{"Node":"a","Address":"127.0.0.1","Nope":1}"#, 400),
        ("deregister", r#"{"Node":"a"}"#, 501),
        ("deregister", "", 400),
    ] {
        assert_eq!(agent.catalog(path, body).await.0, status, "{body}");
    }
    assert_eq!(agent.catalog("register", r#"{"Node":"a","Address":"127.0.0.1"}"#).await, taken());
    assert_eq!(agent.get("/v1/agent/services").await.json(), json!({}));
}
