//! The calls of Consul's own UI.

use crate::agent::Agent;
use agent::Config;
use serde_json::{Value, json};

async fn registered() -> Agent {
    let agent = Agent::start().await;
    for (id, status) in [("rating-1", "passing"), ("rating-2", "critical")] {
        let check = format!(r#"{{"TTL":"10s","Status":"{status}"}}"#);
        let body = format!(r#"{{"Name":"rating","ID":"{id}","Tags":["grpc","{id}"],"Check":{check}}}"#);
        agent.register(&body).await.done();
    }
    agent
}

#[tokio::test]
async fn services_are_summarized_by_name() {
    let agent = registered().await;
    let answer = agent.get("/v1/internal/ui/services").await;
    assert!(answer.index() > 1);
    let summaries = answer.json();
    let [consul, rating] = &summaries.as_array().unwrap()[..] else { panic!("{summaries}") };
    assert_eq!((&consul["Name"], &consul["InstanceCount"]), (&json!("consul"), &json!(1)));
    let numbers =
        ["InstanceCount", "ChecksPassing", "ChecksWarning", "ChecksCritical"].map(|key| &rating[key]);
    assert_eq!(numbers, [2, 2, 0, 1], "the node's own check passes as well");
    assert_eq!(rating["Tags"], json!(["grpc", "rating-1", "rating-2"]));
    assert_eq!((&rating["Datacenter"], &rating["Nodes"]), (&json!("dc1"), &json!(["dev"])));
}

#[tokio::test]
async fn node_has_its_services_and_checks() {
    let agent = registered().await;
    let nodes = agent.get("/v1/internal/ui/nodes").await;
    let node = agent.get("/v1/internal/ui/node/Dev").await;
    assert!(nodes.index() > 1 && node.index() > 1);
    assert_eq!(nodes.json(), json!([node.json()]));
    let node = node.json();
    assert_eq!((&node["Node"], &node["Address"]), (&json!("dev"), &json!("127.0.0.1")));
    let ids = |list: &str, key: &str| -> Vec<Value> {
        node[list].as_array().unwrap().iter().map(|entry| entry[key].clone()).collect()
    };
    assert_eq!(ids("Services", "ID"), ["consul", "rating-1", "rating-2"]);
    assert_eq!(ids("Checks", "CheckID"), ["serfHealth", "service:rating-1", "service:rating-2"]);
    let unknown = agent.get("/v1/internal/ui/node/none").await;
    assert_eq!(unknown.refusal(), (404, ""));
    assert_eq!(agent.get("/v1/internal/ui/node/").await.refusal(), (400, "Missing node name"));
}

#[tokio::test]
async fn unsupported_resource_is_empty_list() {
    let agent = registered().await;
    for path in ["/v1/session/node/dev", "/v1/peerings"] {
        let answer = agent.get(path).await;
        assert_eq!((answer.status, answer.json()), (200, json!([])), "{path}");
        assert!(answer.index() >= 1);
    }
    let coordinates = agent.get("/v1/coordinate/nodes").await.json();
    assert_eq!((&coordinates[0]["Node"], &coordinates[0]["Segment"]), (&json!("dev"), &json!("")));
    assert_eq!(coordinates[0]["Coord"]["Vec"].as_array().unwrap().len(), 8);
}

#[tokio::test]
async fn caller_with_token_has_all_permissions() {
    let path = "/v1/internal/acl/authorize";
    let asked =
        r#"[{"Resource":"key","Access":"write"},{"Resource":"service","Segment":"web","Access":"read"}]"#;
    let open = Agent::start().await;
    assert_eq!(open.send("POST", path, "", asked).await.refusal(), (401, "ACL support disabled"));
    assert_eq!(open.get(path).await.header("allow"), Some("OPTIONS,POST"));

    let agent = Agent::with(Config { token: Some("s3cret".into()), ..Config::default() }).await;
    assert_eq!(agent.send("POST", path, "", asked).await.status, 403);
    let authorize = async |body: &str| agent.send("POST", path, "X-Consul-Token: s3cret\r\n", body).await;
    let expected = json!([
        {"Resource": "key", "Access": "write", "Allow": true},
        {"Resource": "service", "Segment": "web", "Access": "read", "Allow": true},
    ]);
    assert_eq!(authorize(asked).await.json(), expected);
    assert_eq!(authorize("[]").await.json(), json!([]));
    let (status, body) = (authorize("{}").await.status, authorize("{}").await.body);
    assert!(status == 400 && body.starts_with("Failed to decode request body: "), "{body}");
    let many = format!("[{}]", vec![r#"{"Resource":"key","Access":"read"}"#; 65].join(","));
    let text = "Refusing to process more than 64 authorizations at once";
    assert_eq!(authorize(&many).await.refusal(), (400, text));
}
