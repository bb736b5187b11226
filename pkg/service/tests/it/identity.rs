//! The ids of requests.

use crate::running::{Answer, Caller, Running};
use http::Method;
use service::Config;

const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

async fn get(client: &Caller, path: &str, headers: &[(&str, &str)]) -> Answer {
    client.send(Method::GET, path, headers, "").await.unwrap()
}

async fn call(client: &Caller, method: &str, headers: &[(&str, &str)]) -> Answer {
    let headers = [headers, &[("content-type", "application/grpc"), ("te", "trailers")]].concat();
    client.send(Method::POST, method, &headers, vec![0; 5]).await.unwrap()
}

/// Returns true for an id that was made here.
fn is_made(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit())
}

#[tokio::test]
async fn given_id_is_echoed() {
    let running = Running::start().await;
    let id = [("x-request-id", "7f:a_B.9/=")];
    for client in [running.client(), running.http2()] {
        for path in ["/healthz", "/nothing", "/panic", "/openapi.json?x=1"] {
            assert_eq!(get(&client, path, &id).await.header("x-request-id"), id[0].1, "{path}");
        }
    }
    let http2 = running.http2();
    for method in ["/grpc.health.v1.Health/Check", "/small.v1.Small/Nothing", "/small.v1.Small/Panic"] {
        assert_eq!(call(&http2, method, &id).await.header("x-request-id"), id[0].1, "{method}");
    }
    running.stop().await;
}

#[tokio::test]
async fn failure_without_id_gets_one() {
    let running = Running::start().await;
    let client = running.client();
    for (headers, path) in
        [(&[][..], "/nothing"), (&[("x-request-id", "a b")], "/nothing"), (&[], "/list?y=1")]
    {
        let id = get(&client, path, headers).await.header("x-request-id").to_owned();
        assert!(is_made(&id), "{path}: {id}");
    }
    let failed = call(&running.http2(), "/small.v1.Small/Panic", &[]).await;
    assert!(is_made(failed.header("x-request-id")));
    for headers in [&[][..], &[("x-request-id", "a b")], &[("x-request-id", "")], &[("traceparent", SAMPLED)]]
    {
        assert!(get(&client, "/healthz", headers).await.headers.get("x-request-id").is_none(), "{headers:?}");
    }
    running.stop().await;
}

#[tokio::test]
async fn sampled_request_gets_an_id() {
    let mut config = Config::for_tests();
    // Nothing listens there; requests are served all the same.
    config.traces.endpoint = Some("http://127.0.0.1:9".to_owned());
    config.traces.max_rate = 100;
    let running = Running::with(config).await;
    let (client, http2) = (running.client(), running.http2());
    for (headers, made) in [
        (&[("traceparent", SAMPLED)][..], true),
        (&[("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")], false),
        // Probes are not sampled unless their caller asks for it.
        (&[], false),
        (&[("traceparent", "malformed")], false),
    ] {
        let answers = [
            get(&client, "/healthz", headers).await,
            call(&http2, "/grpc.health.v1.Health/Check", headers).await,
        ];
        for answer in answers {
            assert_eq!(answer.headers.get("x-request-id").is_some(), made, "{headers:?}");
        }
    }
    assert!(is_made(get(&client, "/list?ids=a", &[]).await.header("x-request-id")));
    running.stop().await;
}
