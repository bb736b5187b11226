//! The page and its data.

use crate::agent::Agent;
use serde_json::{Value, json};

#[tokio::test]
async fn page_is_one_file_without_external_resources() {
    let agent = Agent::start().await;
    for path in ["/ui", "/ui/"] {
        let page = agent.get(path).await;
        assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
        assert!(page.body.contains(r#"<meta name="viewport""#));
        for outside in ["http://", "https://", "src=", "@import"] {
            assert!(!page.body.contains(outside), "{outside}");
        }
    }
}

#[tokio::test]
async fn page_data_has_services_instances_states_and_tags() {
    let agent = Agent::start().await;
    let register = async |id: &str, status: &str| {
        let check = format!(r#"{{"TTL":"10s","Status":"{status}"}}"#);
        let body = format!(
            r#"{{"Name":"rating","ID":"{id}","Address":"127.0.0.1","Port":8082,"Tags":["grpc"],"Check":{check}}}"#
        );
        agent.register(&body).await.done();
    };
    register("rating-1", "passing").await;
    register("rating-2", "critical").await;
    let data = agent.get("/ui/services").await.json();
    let [one, two] = &data["services"]["rating"].as_array().unwrap()[..] else { panic!("{data}") };
    assert_eq!(
        (&one["id"], &one["status"], &two["status"]),
        (&json!("rating-1"), &json!("passing"), &json!("critical"))
    );
    assert_eq!(
        (&one["address"], &one["port"], &one["tags"]),
        (&json!("127.0.0.1"), &json!(8082), &json!(["grpc"]))
    );
    assert!(one["checks"][0]["heardMs"].as_u64().unwrap() < 30_000);

    let index = data["index"].as_u64().unwrap();
    let waiting = agent.get(&format!("/ui/services?index={index}&wait=100ms")).await.json();
    assert_eq!(waiting["index"], index);
}

#[tokio::test]
async fn page_contains_its_initial_data() {
    let agent = Agent::start().await;
    let name = "</script><b>$&";
    agent.register(&format!(r#"{{"Name":"{name}","ID":"one"}}"#)).await.done();
    let page = agent.get("/ui").await.body;
    let (_, data) = page.split_once(r#"<script type="application/json" id="first">"#).unwrap();
    let (data, _) = data.split_once("</script>").unwrap();
    let data: Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["services"][name][0]["id"], "one");
    assert_eq!(data, agent.get("/ui/services").await.json());
}
