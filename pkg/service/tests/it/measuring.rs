//! The service's metrics and their formats.

use crate::running::{Answer, Caller, Running, no_routes, server, soon};
use discovery::{Registry, consul};
use futures::future::join_all;
use http::Method;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use service::Config;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Waits until the metrics contain `line`: a call is counted a moment after its last byte.
pub(crate) async fn has(client: &Caller, line: &str) {
    let counted = async {
        loop {
            let metrics = client.get("/metrics").await;
            if metrics.text().lines().any(|found| found == line) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if tokio::time::timeout(Duration::from_secs(5), counted).await.is_err() {
        panic!("no line {line} in\n{}", client.get("/metrics").await.text());
    }
}

#[tokio::test]
async fn requests_are_counted_by_protocol_route_and_status() {
    let running =
        Running::with(Config { request_timeout: Duration::from_millis(200), ..Config::for_tests() }).await;
    let (client, http2) = (running.client(), running.http2());
    for name in ["a", "b", "c"] {
        client.get(&format!("/greet/{name}")).await;
        client.get(&format!("/nowhere/{name}")).await;
        http2.call(&format!("/small.v1.Small/Nothing{name}"), &[]).await;
        http2.call("/grpc.health.v1.Health/Check", &[]).await;
    }
    client.get("/never").await;
    client.get("/panic").await;
    client.post("/greet/a", "").await;
    http2.call("/small.v1.Small/Slow", &[]).await;
    http2.call("/small.v1.Small/Panic", &[]).await;
    for (labels, count) in [
        (r#"protocol="http",route="/greet/{name}",status="200""#, 3),
        (r#"protocol="http",route="/greet/{name}",status="405""#, 1),
        (r#"protocol="http",route="unknown",status="404""#, 3),
        (r#"protocol="http",route="/never",status="504""#, 1),
        (r#"protocol="http",route="/panic",status="500""#, 1),
        (r#"protocol="grpc",route="unknown",status="UNIMPLEMENTED""#, 3),
        (r#"protocol="grpc",route="/grpc.health.v1.Health/Check",status="OK""#, 3),
        (r#"protocol="grpc",route="/small.v1.Small/Slow",status="DEADLINE_EXCEEDED""#, 1),
        (r#"protocol="grpc",route="/small.v1.Small/Panic",status="INTERNAL""#, 1),
    ] {
        has(&client, &format!("requests_total{{{labels}}} {count}")).await;
    }
    has(&client, r#"request_duration_seconds_count{protocol="http",route="/greet/{name}"} 4"#).await;
    has(&client, r#"request_duration_seconds_bucket{protocol="http",route="/never",le="0.1"} 0"#).await;
    running.stop().await;
}

#[tokio::test]
async fn stream_dropped_by_caller_is_counted_as_cancelled() {
    use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
    let running = Running::start().await;
    let mut health = HealthClient::new(running.channel());
    let mut states = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    soon(states.message()).await.unwrap().unwrap();
    drop(states);
    let line = r#"requests_total{protocol="grpc",route="/grpc.health.v1.Health/Watch",status="CANCELLED"} 1"#;
    has(&running.client(), line).await;
    running.stop().await;
}

#[tokio::test]
async fn metrics_have_requested_format_and_pass_promtool() {
    let running = Running::start().await;
    let (seen, size) = (Counter::<u64>::default(), Gauge::<i64>::default());
    running.metrics.registry(|registry| {
        registry.register("films_seen", "Films seen", seen.clone());
        registry.register("catalogue_size", "Films there are", size.clone());
    });
    seen.inc_by(7);
    let client = running.client();
    client.get("/greet/x").await;
    running.http2().call("/grpc.health.v1.Health/Check", &[]).await;

    let accept = [("accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")];
    let open = client.send(http::Method::GET, "/metrics", &accept, "").await.unwrap();
    assert!(open.header("content-type").starts_with("application/openmetrics-text; version=1.0.0"));
    assert!(open.text().ends_with("# EOF\n"));
    assert!(open.text().contains("# TYPE films_seen counter\n"));

    let refused = [("accept", "text/plain, application/openmetrics-text;q=0")];
    let refused = client.send(http::Method::GET, "/metrics", &refused, "").await.unwrap();
    assert_eq!(refused.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let plain = client.get("/metrics").await;
    assert_eq!(plain.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert!(plain.text().contains("# TYPE films_seen_total counter\nfilms_seen_total 7\n"));
    structure(&plain);
    promtool(&plain);
    running.stop().await;
}

/// Returns an address without a listener.
async fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn registry_state_is_reported() {
    let (consul, listen) = (closed().await, closed().await);
    let url = format!("http://{consul}");
    let registry = consul::Registry::new(consul::Config { url, ..Default::default() }).unwrap();
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (config, stop) = (Config { listen, ..Config::for_tests() }, stop.clone());
        let registry: Arc<dyn Registry> = Arc::new(registry);
        async move { server(no_routes).run(&config, Some(registry), stop).await }
    });
    let client = Caller::to(listen);
    while client.send(http::Method::GET, "/healthz", &[], "").await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    has(&client, "registry_up 0").await;

    let listener = TcpListener::bind(consul).await.unwrap();
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(async || "")).await });
    has(&client, "registry_up 1").await;
    for doubt in
        ["registry_filtered_watches 0", "registry_retaining_watches 0", "registry_unusable_responses 0"]
    {
        has(&client, doubt).await;
    }
    stop.cancel();
    soon(running).await.unwrap().unwrap();
}

/// Checks that each sample belongs to the family declared last, and that no family is declared twice.
fn structure(metrics: &Answer) {
    let mut families = Vec::new();
    for line in metrics.text().lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let name = rest.split(' ').next().unwrap();
            assert!(!families.contains(&name), "{name} is told twice");
            families.push(name);
        } else if !line.starts_with("# HELP ") {
            let family = *families.last().unwrap();
            assert!(line.starts_with(family), "{line} under {family}");
        }
    }
    assert!(families.len() >= 4, "{families:?}");
}

/// Runs `promtool check metrics`, if it is installed.
fn promtool(metrics: &Answer) {
    use std::io::Write;
    let child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("promtool is not installed: only the structure was checked");
        return;
    };
    child.stdin.take().unwrap().write_all(&metrics.body).unwrap();
    let output = child.wait_with_output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.is_empty(), "{text}");
}

#[tokio::test]
async fn thousands_of_unknown_paths_and_methods_create_no_rows() {
    let running = Running::start().await;
    let (client, http2) = (running.client(), running.http2());
    let ask = async |name: String| {
        let method = Method::from_bytes(format!("M{name}").as_bytes()).unwrap();
        client.get(&format!("/nowhere/{name}")).await;
        client.get(&format!("/{name}?x={name}")).await;
        client.send(method.clone(), &format!("/{name}"), &[], "").await.unwrap();
        client.send(method, "/greet/x", &[], "").await.unwrap();
        http2.call(&format!("/small.v1.Small/{name}"), &[]).await;
        http2.call(&format!("/{name}.v1.Small/Slow"), &[]).await;
        http2.call(&format!("/{name}"), &[]).await;
    };
    let rows = async || {
        let metrics = client.get("/metrics").await;
        let text = metrics.text();
        assert!(!text.contains("stranger"), "{text}");
        text.lines().count()
    };
    ask("stranger".to_owned()).await;
    client.get("/metrics").await;
    let before = rows().await;
    for names in 0..20 {
        join_all((0..20).map(|name| ask(format!("stranger{names}-{name}")))).await;
    }
    assert_eq!(rows().await, before);
    let unknown = r#"requests_total{protocol="http",route="unknown",status="404"} 1203"#;
    has(&client, unknown).await;
    has(&client, r#"requests_total{protocol="grpc",route="unknown",status="UNIMPLEMENTED"} 1203"#).await;
    running.stop().await;
}

#[tokio::test]
async fn scrape_responds_during_overload() {
    let running = Running::start().await;
    let client = running.client();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..50 {
        // Each with a connection of its own.
        let (http1, http2) = (running.client(), running.http2());
        calls.spawn(async move { http1.get("/held").await });
        for _ in 0..10 {
            let http2 = http2.clone();
            calls.spawn(async move { http2.get("/held").await });
        }
    }
    let _ = soon(running.shared.entered.acquire_many(550)).await.unwrap();
    let scraped = Instant::now();
    let metrics = client.get("/metrics").await;
    assert!(scraped.elapsed() < Duration::from_secs(2), "{:?}", scraped.elapsed());
    // The scrape itself is in flight too.
    let in_flight = metrics.text().lines().any(|line| line == "requests_in_flight 551");
    assert!(in_flight, "{}", metrics.text());
    running.shared.released.add_permits(550);
    while let Some(call) = soon(calls.join_next()).await {
        assert_eq!(call.unwrap().status, 200);
    }
    has(&client, "requests_in_flight 1").await;
    running.stop().await;
}
