//! Independence of the calls on one HTTP/2 connection.

use crate::running::{Caller, Running, soon};
use service::Config;
use std::time::Duration;

/// Starts a service with `count` long-running calls on one connection.
async fn held(count: usize) -> (Running, Caller, Vec<tokio::task::JoinHandle<bool>>) {
    let running =
        Running::with(Config { request_timeout: Duration::from_secs(60), ..Config::for_tests() }).await;
    let client = running.http2();
    // A single connection, opened before the calls could each open their own.
    assert_eq!(client.get("/healthz").await.status, 200);
    let calls = (0..count).map(|_| {
        let client = client.clone();
        tokio::spawn(async move {
            let answer = client.send(http::Method::GET, "/held", &[], "").await;
            answer.is_ok_and(|answer| answer.text() == "released")
        })
    });
    let calls = calls.collect();
    soon(running.shared.entered.acquire_many(u32::try_from(count).unwrap())).await.unwrap().forget();
    (running, client, calls)
}

#[tokio::test]
async fn waiting_call_delays_no_other() {
    let (running, client, calls) = held(100).await;
    for _ in 0..10 {
        assert_eq!(client.get("/greet/x").await.text(), "hello x");
    }
    running.shared.released.add_permits(100);
    for call in calls {
        assert!(soon(call).await.unwrap());
    }
    running.stop().await;
}

#[tokio::test]
async fn aborted_response_affects_no_other() {
    let (running, client, calls) = held(3).await;
    for _ in 0..3 {
        assert!(client.send(http::Method::GET, "/breaks-off", &[], "").await.is_err());
        assert_eq!(client.get("/greet/x").await.text(), "hello x");
    }
    running.shared.released.add_permits(3);
    for call in calls {
        assert!(soon(call).await.unwrap(), "a call of the same connection was cut");
    }
    running.stop().await;
}

#[tokio::test]
async fn disconnected_caller_cancels_its_calls() {
    let (running, client, calls) = held(3).await;
    drop(client);
    for call in calls {
        call.abort();
    }
    soon(running.shared.dropped.acquire_many(3)).await.unwrap().forget();
    running.stop().await;
}
