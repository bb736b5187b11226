//! "Try it": requests through the console.

use crate::rig::{json, start};
use axum::Router;
use axum::extract::RawQuery;
use axum::routing::{get, put};
use http::HeaderMap;
use serde_json::json as object;

#[tokio::test]
async fn request_reaches_an_instance_with_a_trace() {
    let rig = start().await;
    let echo = |RawQuery(query): RawQuery, headers: HeaderMap, body: String| async move {
        let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        let echoed =
            object!({"query": query, "body": body, "mine": header("x-mine"), "trace": header("traceparent")});
        ([("x-reply", "yes")], echoed.to_string())
    };
    let router =
        Router::new().route("/v1/movies/{id}", put(echo)).route("/readyz", get(|| async { "ready" }));
    let movie = rig.instance("movie", router).await;
    rig.until("/api/system", |system| system["services"][2]["instances"][0]["state"] == "ready").await;
    let trial = object!({
        "service": "movie", "method": "put", "path": "/v1/movies/a%2Fb", "query": "x=1&y=2",
        "headers": {"x-mine": "1", "content-type": "application/json"}, "body": "{\"a\":1}",
    });
    let response = json(&rig.post("/api/try", &trial).await);
    assert_eq!(
        (&response["status"], &response["instance"], &response["headers"]["x-reply"]),
        (&200.into(), &movie.id.into(), &"yes".into())
    );
    let echoed: serde_json::Value = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&echoed["query"], &echoed["body"], &echoed["mine"]),
        (&"x=1&y=2".into(), &"{\"a\":1}".into(), &"1".into())
    );
    let parent = echoed["trace"].as_str().unwrap();
    assert!(parent.ends_with("-01") && parent[3..35] == *response["traceId"].as_str().unwrap(), "{parent}");
}

#[tokio::test]
async fn only_instances_of_known_services_are_called() {
    let rig = start().await;
    let other = Router::new().route("/", get(|| async { "reached" }));
    rig.instance("other", other).await;
    for (service, status) in
        [("other", 404), ("127.0.0.1:1", 404), ("http://evil.example", 404), ("", 404), ("rating", 503)]
    {
        let trial = object!({"service": service, "method": "GET", "path": "/"});
        assert_eq!(rig.post("/api/try", &trial).await.status().as_u16(), status, "{service}");
    }
    for trial in
        [object!({}), object!({"service": "movie", "method": "GET", "path": "/", "host": "evil.example"})]
    {
        assert_eq!(rig.post("/api/try", &trial).await.status(), 422);
    }
    let long = object!({"service": "movie", "method": "PUT", "path": "/", "body": "x".repeat(600 * 1024)});
    assert_eq!(rig.post("/api/try", &long).await.status(), 413);
}

#[tokio::test]
async fn response_without_end_or_connection_is_an_error() {
    let rig = start().await;
    let large = Router::new().route("/", get(|| async { "x".repeat(1 << 20) }));
    rig.instance("movie", large).await;
    rig.until("/api/system", |system| system["services"][2]["instances"][0]["id"].is_string()).await;
    let response = rig.post("/api/try", &object!({"service": "movie", "method": "GET", "path": "/"})).await;
    assert_eq!(response.status(), 502);
    assert!(json(&response)["error"].as_str().unwrap().contains("larger than"));
}

#[tokio::test]
async fn openapi_documents_are_those_of_services_that_respond() {
    let rig = start().await;
    let router = Router::new().route("/openapi.json", get(|| async { "{\"openapi\":\"3.1.0\"}" }));
    rig.instance("movie", router).await;
    rig.instance("rating", Router::new()).await;
    let documents = rig.until("/api/openapi", |all| all["services"]["movie"].is_object()).await;
    assert_eq!(documents, object!({"services": {"movie": {"openapi": "3.1.0"}}}));
}
