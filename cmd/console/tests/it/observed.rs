//! The map of instances that the registry lists.

use crate::rig::{Rig, start};
use axum::Router;
use axum::routing::get;
use discovery::{Instance, Registry};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// An instance whose counters grow with every scrape.
fn counting(step: u64, failed: u64) -> Router {
    let scrapes = Arc::new(AtomicU64::new(0));
    let metrics = move || {
        let n = scrapes.fetch_add(1, Ordering::Relaxed);
        let (ok, failed) = (n * step, n * failed);
        let labels = "protocol=\"http\",route=\"/v1/movies/{id}\"";
        let text = format!(
            "requests_total{{{labels},status=\"200\"}} {ok}\nrequests_total{{{labels},status=\"503\"}} {failed}\n\
             request_duration_seconds_bucket{{{labels},le=\"0.01\"}} {ok}\n\
             request_duration_seconds_bucket{{{labels},le=\"+Inf\"}} {ok}\nprocess_resident_memory_bytes 1000\n"
        );
        std::future::ready(text)
    };
    Router::new().route("/metrics", get(metrics)).route("/readyz", get(|| async { "ready\n" }))
}

fn found<'a>(system: &'a Value, instance: &Instance) -> &'a Value {
    let services = system["services"].as_array().into_iter().flatten();
    let mut instances = services.flat_map(|service| service["instances"].as_array().into_iter().flatten());
    instances.find(|shown| shown["id"] == instance.id).unwrap_or(&Value::Null)
}

async fn until_state(rig: &Rig, instance: &Instance, state: &str) -> Value {
    rig.until("/api/system", |system| found(system, instance)["state"] == state).await
}

#[tokio::test]
async fn instances_are_shown_with_state_rate_and_latency() {
    let rig = start().await;
    let system = rig.until("/api/system", |system| system["services"].is_array()).await;
    assert_eq!(system["services"][2], json!({"name": "movie", "instances": []}));
    let movie = rig.instance("movie", counting(30, 10)).await;
    let system = rig.until("/api/system", |system| found(system, &movie)["perSecond"].is_number()).await;
    let shown = found(&system, &movie);
    assert_eq!(
        (&shown["state"], &shown["errorRatio"], &shown["p50Ms"]),
        (&json!("ready"), &json!(0.25), &json!(5.0))
    );
    assert_eq!((&shown["residentBytes"], &shown["routes"][0]["protocol"]), (&json!(1000), &json!("http")));
    assert!(shown["perSecond"].as_f64().unwrap() > 10.0);
    let edges = system["edges"].as_array().unwrap();
    assert!(edges.iter().any(|edge| edge["from"] == "clients" && edge["to"] == movie.id));
    assert!(system["responses"]["failed"].as_u64().unwrap() >= 10);
    assert_eq!(system["registry"]["up"], true);
}

#[tokio::test]
async fn instance_that_fails_drains_or_leaves_is_shown_so() {
    let rig = start().await;
    let unready = |text: &'static str| get(move || async move { (StatusCode::SERVICE_UNAVAILABLE, text) });
    let down =
        rig.instance("rating", Router::new().route("/readyz", unready("not ready: no database"))).await;
    until_state(&rig, &down, "unready").await;
    let stopping = Router::new().route("/readyz", unready("not ready: the service is stopping"));
    let stopping = rig.instance("rating", stopping).await;
    until_state(&rig, &stopping, "draining").await;
    let frozen = Router::new().route("/readyz", get(std::future::pending::<()>));
    let frozen = rig.instance("rating", frozen.route("/metrics", get(std::future::pending::<()>))).await;
    until_state(&rig, &frozen, "unreachable").await;
    rig.registry.deregister(&frozen).await.unwrap();
    until_state(&rig, &frozen, "gone").await;
    let leaving = rig.instance("movie", counting(1, 0)).await;
    until_state(&rig, &leaving, "ready").await;
    rig.registry.deregister(&leaving).await.unwrap();
    let system = until_state(&rig, &leaving, "draining").await;
    // Only what is listed is an edge of clients.
    let edges = system["edges"].as_array().unwrap();
    assert!(edges.iter().all(|edge| edge["from"] != "clients"), "{edges:?}");
}

#[tokio::test]
async fn observing_is_not_traced() {
    let rig = start().await;
    let unsampled = |headers: HeaderMap| async move {
        let parent = headers.get("traceparent").map(|parent| parent.as_bytes());
        let valid = parent.is_some_and(|parent| parent.len() == 55 && parent.ends_with(b"-00"));
        if valid { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR }
    };
    let movie = rig.instance("movie", Router::new().route("/readyz", get(unsampled))).await;
    until_state(&rig, &movie, "ready").await;
}

#[tokio::test]
async fn ingestion_is_read_from_rating() {
    let rig = start().await;
    let status = json!({
        "enabled": true, "ready": false, "trouble": "partition 0 is stalled", "topic": "ratings", "events": {
            "created": 5, "replaced": 0, "unchanged": 0, "deleted": 0, "absent": 0, "rejected": 1, "doubled": 0},
        "batches": {"count": 2, "meanEvents": 3.0, "meanMilliseconds": 4.5}, "fenced": 0, "writerQueue": [],
        "assignedPartitions": 1, "pausedLanes": 0, "lag": 4, "lagSeconds": 1.5,
        "partitions": [{"partition": 0, "storedOffset": 6, "endOffset": 10, "lag": 4, "lagSeconds": 1.5, "state": "stalled"}],
    });
    let router = counting(1, 0).route("/v1/ingestion", get(move || async move { axum::Json(status) }));
    let rating = rig.instance("rating", router).await;
    let broken = counting(1, 0).route("/v1/ingestion", get(|| async { "not JSON" }));
    let broken = rig.instance("rating", broken).await;
    let of = |ingestion: &Value, id: &str| {
        let mut instances = ingestion["instances"].as_array().into_iter().flatten();
        instances.find(|shown| shown["id"] == id).cloned().unwrap_or_default()
    };
    let ingestion = rig.until("/api/ingestion", |all| of(all, &broken.id)["error"].is_string()).await;
    let shown = of(&ingestion, &rating.id);
    assert_eq!(shown["blocked"], "partition 0 is stalled");
    assert_eq!(shown["partitions"][0]["state"], "stalled");
    assert_eq!(
        (&shown["batches"], &shown["meanBatchMs"], &shown["events"]["created"]),
        (&json!(2), &json!(4.5), &json!(5))
    );
    assert_eq!(ingestion["deadLetters"], json!({"topic": "ratings.dlq", "available": false, "letters": []}));
    let system = rig.get("/api/system").await;
    let edges = system["edges"].as_array().unwrap();
    assert!(edges.iter().any(|edge| edge["from"] == "kafka" && edge["to"] == rating.id && edge["lag"] == 4));
}
