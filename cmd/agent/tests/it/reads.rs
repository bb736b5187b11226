//! The content and headers of lists.

use crate::agent::Agent;
use serde_json::{Value, json};

const METADATA: &str = r#"{"ID":"metadata-1","Name":"metadata","Tags":["grpc","v1"],"Address":"127.0.0.1","Port":8081,
    "Check":{"TTL":"10s","Status":"passing"}}"#;

#[tokio::test]
async fn unknown_service_is_empty_list_with_all_headers() {
    let agent = Agent::start().await;
    let answer = agent.get("/v1/health/service/none").await;
    assert_eq!((answer.status, &*answer.body), (200, "[]"));
    assert!(answer.index() > 1_700_000_000_000, "an index begins at the clock's milliseconds");
    assert!(answer.index() < 1 << 53);
    for (name, value) in [
        ("content-type", "application/json"),
        ("x-consul-lastcontact", "0"),
        ("x-consul-knownleader", "true"),
        ("x-consul-effective-consistency", "leader"),
        ("x-consul-query-backend", "blocking-query"),
        ("x-consul-default-acl-policy", "allow"),
        ("vary", "Accept-Encoding"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    for flag in ["stale", "consistent"] {
        let answer = agent.get(&format!("/v1/health/service/none?{flag}")).await;
        assert_eq!(answer.header("x-consul-effective-consistency"), Some(flag));
    }
}

#[tokio::test]
async fn healthy_instance_has_node_and_both_checks() {
    let agent = Agent::start().await;
    agent.register(METADATA).await.done();
    let answer = agent.get("/v1/health/service/metadata?passing=1").await.json();
    let [entry] = &answer.as_array().unwrap()[..] else { panic!("{answer}") };
    assert_eq!(entry["Node"]["Address"], "127.0.0.1");
    let service = &entry["Service"];
    assert_eq!(service["ID"], "metadata-1");
    assert_eq!(service["Service"], "metadata");
    assert_eq!(service["Tags"], json!(["grpc", "v1"]));
    assert_eq!(service["Port"], 8081);
    assert_eq!(service["Meta"], json!({}));
    assert_eq!(service["TaggedAddresses"]["lan_ipv4"], json!({"Address": "127.0.0.1", "Port": 8081}));
    assert_eq!(service["Weights"], json!({"Passing": 1, "Warning": 1}));
    let ids: Vec<&Value> =
        entry["Checks"].as_array().unwrap().iter().map(|check| &check["CheckID"]).collect();
    assert_eq!(ids, ["serfHealth", "service:metadata-1"]);
    assert_eq!(entry["Checks"][1]["ServiceTags"], json!(["grpc", "v1"]));
}

#[tokio::test]
async fn names_match_ignoring_case_and_every_tag_is_required() {
    let agent = Agent::start().await;
    agent.register(METADATA).await.done();
    for (path, count) in [
        ("METADATA", 1),
        ("metadata?tag=GRPC", 1),
        ("metadata?tag=grpc&tag=v1", 1),
        ("metadata?tag=grpc&tag=v2", 0),
        ("metadata?passing=true", 1),
        ("metadata?passing=0", 1),
    ] {
        let answer = agent.get(&format!("/v1/health/service/{path}")).await.json();
        assert_eq!(answer.as_array().unwrap().len(), count, "{path}");
    }
}

#[tokio::test]
async fn checks_are_listed_by_service_node_and_state() {
    let agent = Agent::start().await;
    agent.register(METADATA).await.done();
    agent.register(r#"{"Name":"web","Check":{"TTL":"10s"}}"#).await.done();
    for (path, ids) in [
        ("checks/web", &["service:web"][..]),
        ("checks/none", &[]),
        ("node/dev", &["serfHealth", "service:metadata-1", "service:web"]),
        ("node/none", &[]),
        ("state/any", &["serfHealth", "service:metadata-1", "service:web"]),
        ("state/critical", &["service:web"]),
        ("state/nonsense", &[]),
    ] {
        let answer = agent.get(&format!("/v1/health/{path}")).await.json();
        let found: Vec<_> = answer.as_array().unwrap().iter().map(|check| &check["CheckID"]).collect();
        assert_eq!(found, ids, "{path}");
    }
}

#[tokio::test]
async fn catalog_lists_services_of_any_health() {
    let agent = Agent::start().await;
    agent.register(METADATA).await.done();
    agent
        .register(r#"{"Name":"metadata","ID":"metadata-2","Tags":["rest"],"Check":{"TTL":"9s"}}"#)
        .await
        .done();
    let services = agent.get("/v1/catalog/services").await;
    assert_eq!(services.json(), json!({"consul": [], "metadata": ["grpc", "rest", "v1"]}));
    assert!(services.index() > 1);
    let instances = agent.get("/v1/catalog/service/metadata").await.json();
    assert_eq!(instances.as_array().unwrap().len(), 2);
    assert_eq!(instances[0]["ServiceID"], "metadata-1");
    assert_eq!(instances[0]["ServiceAddress"], "127.0.0.1");
    assert_eq!(instances[0]["ServicePort"], 8081);
    assert_eq!(instances[0]["Node"], "dev");
    assert_eq!(agent.get("/v1/catalog/service/none").await.json(), json!([]));
    assert_eq!(agent.get("/v1/catalog/service/consul").await.json()[0]["ServicePort"], 8300);
    assert_eq!(agent.passing("consul").await, ["consul"]);
    assert_eq!(agent.get("/v1/catalog/nodes").await.json()[0]["Node"], "dev");
    let datacenters = agent.get("/v1/catalog/datacenters").await;
    assert_eq!((datacenters.json(), datacenters.header("x-consul-index")), (json!(["dc1"]), None));
}

#[tokio::test]
async fn agent_lists_its_services_and_itself() {
    let agent = Agent::start().await;
    let empty = agent.get("/v1/agent/services").await;
    assert_eq!((empty.json(), empty.header("x-consul-index")), (json!({}), None));
    agent.register(METADATA).await.done();
    let expected = json!({
        "ID": "metadata-1", "Service": "metadata", "Tags": ["grpc", "v1"], "Meta": {}, "Port": 8081,
        "Address": "127.0.0.1", "Weights": {"Passing": 1, "Warning": 1}, "EnableTagOverride": false,
        "Datacenter": "dc1", "TaggedAddresses": {
            "lan_ipv4": {"Address": "127.0.0.1", "Port": 8081},
            "wan_ipv4": {"Address": "127.0.0.1", "Port": 8081},
        },
    });
    assert_eq!(agent.get("/v1/agent/services").await.json(), json!({"metadata-1": expected}));
    let answer = agent.get("/v1/agent/service/metadata-1").await;
    let mut one = answer.json();
    let hash = one.as_object_mut().unwrap().remove("ContentHash").unwrap();
    assert_eq!((one, hash.as_str()), (expected, answer.header("x-consul-contenthash")));
    let unknown = agent.get("/v1/agent/service/none").await;
    assert_eq!(unknown.refusal(), (404, "unknown service ID: none"));
    assert_eq!(agent.check("serfHealth").await, Value::Null);
    let itself = agent.get("/v1/agent/self").await.json();
    assert_eq!(itself["Config"]["NodeName"], "dev");
    assert!(itself.as_object().unwrap().values().all(|value| value.is_object() || value.is_null()));
    assert_eq!(agent.get("/v1/agent/members").await.json()[0]["Status"], 1);
    assert_eq!(agent.get("/v1/status/leader").await.json(), "127.0.0.1:8300");
    assert_eq!(agent.get("/v1/status/peers").await.json(), json!(["127.0.0.1:8300"]));
}

#[tokio::test]
async fn equality_filters_every_list() {
    let agent = Agent::start().await;
    agent.register(METADATA).await.done();
    agent
        .register(r#"{"Name":"web","ID":"web-1","Meta":{"version":"2"},"Check":{"TTL":"10s"}}"#)
        .await
        .done();
    for (path, filter, count) in [
        ("/v1/agent/services", r#"Service == "web""#, 1),
        ("/v1/agent/services", r#"Meta.version == "2""#, 1),
        ("/v1/agent/services", r#"Meta.version != "2""#, 1),
        ("/v1/agent/checks", r#"Status == "critical""#, 1),
        ("/v1/agent/members", "Name == dev", 1),
        ("/v1/health/service/web", r#"Service.ID == "web-2""#, 0),
        ("/v1/health/service/web", r#"Service.ID == "web-1""#, 1),
        ("/v1/health/checks/web", r#"ServiceID == "web-1""#, 1),
        ("/v1/health/state/any", r#"CheckID == "serfHealth""#, 1),
        ("/v1/catalog/service/web", r#"ServiceMeta.version == "3""#, 0),
        ("/v1/catalog/nodes", "Node != dev", 0),
    ] {
        let encoded: String = filter.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let found = agent.get(&format!("{path}?filter={encoded}")).await.json();
        let number = found.as_array().map_or_else(|| found.as_object().unwrap().len(), Vec::len);
        assert_eq!(number, count, "{path} {filter}");
    }
    assert_eq!(agent.get("/v1/catalog/services?filter=Name==x").await.status, 501);
    assert_eq!(agent.get("/v1/agent/services?filter=Nope==x").await.status, 500);
}
