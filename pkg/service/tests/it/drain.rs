//! Shutdown of the service.

use crate::running::{Running, soon};
use discovery::Registry;
use futures::StreamExt;
use service::Config;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;

/// Waits until the service accepts no more connections: then it is deregistered and not ready.
async fn closed(running: &Running) {
    let refused = async {
        while TcpStream::connect(running.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(refused).await;
}

#[tokio::test]
async fn calls_in_flight_complete_while_new_ones_are_not_accepted() {
    let running =
        Running::with(Config { request_timeout: Duration::from_secs(60), ..Config::for_tests() }).await;
    let mut calls = Vec::new();
    for client in [running.client(), running.http2(), running.client()] {
        calls.push(tokio::spawn(async move { client.get("/held").await }));
    }
    soon(running.shared.entered.acquire_many(3)).await.unwrap().forget();
    running.stop.cancel();
    closed(&running).await;
    assert!(running.registry.watch("small").next().await.unwrap().is_empty(), "still registered");
    assert!(!running.ended.is_finished());

    running.shared.released.add_permits(3);
    for call in calls {
        assert_eq!(soon(call).await.unwrap().text(), "released");
    }
    soon(running.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn calls_that_do_not_end_are_aborted_at_deadline() {
    let config = Config {
        drain_timeout: Duration::from_millis(200),
        request_timeout: Duration::from_secs(60),
        ..Config::for_tests()
    };
    let running = Running::with(config).await;
    let mut calls = Vec::new();
    for client in [running.client(), running.http2()] {
        calls.push(tokio::spawn(
            async move { client.send(http::Method::GET, "/held", &[], "").await.is_err() },
        ));
    }
    soon(running.shared.entered.acquire_many(2)).await.unwrap().forget();
    running.stop.cancel();
    let began = Instant::now();
    soon(running.ended).await.unwrap().unwrap();
    assert!(began.elapsed() >= Duration::from_millis(150), "{:?}", began.elapsed());
    for call in calls {
        assert!(soon(call).await.unwrap(), "a call that was cut got an answer");
    }
}

#[tokio::test]
async fn draining_service_is_not_ready() {
    let running = Running::start().await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    // A connection whose first request has started is served, although the service is stopping.
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    let mut held = TcpStream::connect(running.address).await.unwrap();
    held.write_all(b"GET /held HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    soon(running.shared.entered.acquire()).await.unwrap().forget();
    running.stop.cancel();
    closed(&running).await;
    stream.write_all(b"\r\n").await.unwrap();
    let mut answer = String::new();
    soon(stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("stopping"), "{answer}");
    running.shared.released.add_permits(1);
    soon(running.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn health_watchers_are_notified_and_do_not_delay_shutdown() {
    let running =
        Running::with(Config { drain_timeout: Duration::from_secs(60), ..Config::for_tests() }).await;
    let mut client = HealthClient::new(running.channel());
    let request = HealthCheckRequest { service: "small.v1.Small".into() };
    let mut states = client.watch(request).await.unwrap().into_inner();
    assert_eq!(soon(states.message()).await.unwrap().unwrap().status, 1);
    running.stop.cancel();
    assert_eq!(soon(states.message()).await.unwrap().unwrap().status, 2);
    assert!(soon(states.message()).await.unwrap().is_none());
    drop(client);
    soon(running.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn watch_of_unknown_service_begins_with_service_unknown_and_stays_open_until_shutdown() {
    const WATCHES: usize = 200;
    let running =
        Running::with(Config { drain_timeout: Duration::from_secs(60), ..Config::for_tests() }).await;
    let mut client = HealthClient::new(running.channel());
    let mut watches = Vec::new();
    for n in 0..WATCHES {
        let request = HealthCheckRequest { service: format!("nope{n}") };
        let mut states = soon(client.watch(request)).await.unwrap().into_inner();
        assert_eq!(soon(states.message()).await.unwrap().unwrap().status, 3);
        watches.push(states);
    }
    let silent = tokio::time::timeout(Duration::from_millis(300), watches[0].message()).await;
    assert!(silent.is_err(), "{silent:?}");
    running.stop.cancel();
    for mut states in watches {
        assert!(soon(states.message()).await.unwrap().is_none());
    }
    drop(client);
    soon(running.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn idle_connections_do_not_delay_shutdown() {
    let running =
        Running::with(Config { drain_timeout: Duration::from_secs(60), ..Config::for_tests() }).await;
    let (http1, http2) = (running.client(), running.http2());
    assert_eq!(http1.get("/healthz").await.status, 200);
    assert_eq!(http2.get("/healthz").await.status, 200);
    let _silent = TcpStream::connect(running.address).await.unwrap();
    running.stop().await;
}

#[tokio::test]
async fn open_reflection_stream_does_not_delay_shutdown() {
    let running =
        Running::with(Config { drain_timeout: Duration::from_secs(60), ..Config::for_tests() }).await;
    let mut client = ServerReflectionClient::new(running.channel());
    let list = ServerReflectionRequest {
        message_request: Some(MessageRequest::ListServices(String::new())),
        ..Default::default()
    };
    let requests = futures::stream::iter([list]).chain(futures::stream::pending());
    let mut responses = client.server_reflection_info(requests).await.unwrap().into_inner();
    assert!(soon(responses.message()).await.unwrap().is_some());
    running.stop().await;
    // The connection is closed or was reset.
    assert!(!matches!(soon(responses.message()).await, Ok(Some(_))));
}

#[tokio::test]
async fn stopping_service_serves_during_drain_delay_and_is_not_ready() {
    let delay = Duration::from_secs(2);
    let running = Running::with(Config { drain_delay: delay, ..Config::for_tests() }).await;
    let mut health = HealthClient::new(running.channel());
    let request = HealthCheckRequest { service: "small.v1.Small".into() };
    let mut states = health.watch(request.clone()).await.unwrap().into_inner();
    assert_eq!(soon(states.message()).await.unwrap().unwrap().status, 1);
    let began = Instant::now();
    running.stop.cancel();
    assert_eq!(soon(states.message()).await.unwrap().unwrap().status, 2);

    assert!(running.registry.watch("small").next().await.unwrap().is_empty(), "still registered");
    // Each on a new connection.
    assert_eq!(running.client().get("/readyz").await.problem(503, "/readyz"), "Unavailable");
    assert_eq!(running.client().get("/healthz").await.status, 200);
    assert_eq!(running.client().get("/greet/x").await.text(), "hello x");
    let mut health = HealthClient::new(running.channel());
    assert_eq!(health.check(request).await.unwrap().into_inner().status, 2);
    soon(running.ended).await.unwrap().unwrap();
    assert!(began.elapsed() >= delay, "{:?}", began.elapsed());
    assert!(TcpStream::connect(running.address).await.is_err());
}
