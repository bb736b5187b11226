//! grpc-web, over both versions of HTTP.

use crate::measuring::has;
use crate::running::{Answer, Caller, Running, soon};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::Method;
use service::Config;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const CHECK: &str = "/grpc.health.v1.Health/Check";

/// An empty message.
const EMPTY: &[u8] = &[0; 5];

async fn call(client: &Caller, method: &str, content_type: &str, body: impl Into<bytes::Bytes>) -> Answer {
    client.send(Method::POST, method, &[("content-type", content_type)], body).await.unwrap()
}

/// Splits a body into frames: the flag, and the content.
fn frames(mut body: &[u8]) -> Vec<(u8, &[u8])> {
    let mut frames = Vec::new();
    while let Some((head, rest)) = body.split_first_chunk::<5>() {
        let len = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        frames.push((head[0], &rest[..len]));
        body = &rest[len..];
    }
    assert!(body.is_empty(), "{body:?}");
    frames
}

/// Decodes base64 that is padded after each frame.
fn decoded(text: &[u8]) -> Vec<u8> {
    text.chunks(4).flat_map(|quad| BASE64_STANDARD.decode(quad).unwrap()).collect()
}

#[tokio::test]
async fn response_ends_with_trailer_frame_in_encoding_of_request() {
    let running = Running::start().await;
    for client in [running.client(), running.http2()] {
        for (content_type, response_type) in [
            ("application/grpc-web", "application/grpc-web+proto"),
            ("application/grpc-web+proto", "application/grpc-web+proto"),
            ("Application/gRPC-Web; charset=utf-8", "application/grpc-web+proto"),
            ("application/grpc-web-text", "application/grpc-web-text+proto"),
            ("application/grpc-web-text+PROTO;a=\"b;c\"", "application/grpc-web-text+proto"),
        ] {
            let is_text = response_type.contains("text");
            let request = if is_text { BASE64_STANDARD.encode(EMPTY).into_bytes() } else { EMPTY.to_vec() };
            let answer = call(&client, CHECK, content_type, request).await;
            assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, response_type));
            let body = if is_text { decoded(&answer.body) } else { answer.body.to_vec() };
            let [(0, message), (0x80, trailers)] = frames(&body)[..] else { panic!("{body:?}") };
            assert_eq!(message, [0x08, 1], "SERVING");
            assert_eq!(std::str::from_utf8(trailers).unwrap().trim_end(), "grpc-status:0");
        }
    }
    let line = r#"requests_total{protocol="grpc",route="/grpc.health.v1.Health/Check",status="OK"} 10"#;
    has(&running.client(), line).await;
    running.stop().await;
}

#[tokio::test]
async fn failure_has_status_of_grpc() {
    let config = Config { request_timeout: Duration::from_millis(100), ..Config::for_tests() };
    let running = Running::with(config).await;
    for client in [running.client(), running.http2()] {
        for (method, code) in [("Slow", 4), ("Panic", 13), ("Broken", 14), ("Left", 9), ("Nothing", 12)] {
            let method = format!("/small.v1.Small/{method}");
            let answer = call(&client, &method, "application/grpc-web", EMPTY).await;
            assert_eq!(answer.grpc().0, code, "{method}");
            assert_eq!(answer.header("content-type"), "application/grpc-web+proto");
            assert!(!answer.grpc().1.contains("secret"), "{answer:?}");
        }
        let broken = call(&client, CHECK, "application/grpc-web-text", "not base64").await;
        assert_eq!(broken.grpc().0, 13, "{broken:?}");
    }
    for (method, status) in [("Slow", "DEADLINE_EXCEEDED"), ("Panic", "INTERNAL")] {
        let labels = format!(r#"protocol="grpc",route="/small.v1.Small/{method}",status="{status}""#);
        has(&running.client(), &format!("requests_total{{{labels}}} 2")).await;
    }
    running.stop().await;
}

#[tokio::test]
async fn callers_timeout_is_enforced() {
    let running =
        Running::with(Config { request_timeout: Duration::from_secs(60), ..Config::for_tests() }).await;
    let headers = [("content-type", "application/grpc-web"), ("grpc-timeout", "50m")];
    let slow = running.client().send(Method::POST, "/small.v1.Small/Slow", &headers, EMPTY).await.unwrap();
    assert_eq!(slow.grpc().0, 4);
    running.stop().await;
}

#[tokio::test]
async fn page_of_another_origin_is_rejected() {
    let running = Running::start().await;
    let own = format!("http://{}", running.address);
    for client in [running.client(), running.http2()] {
        for (origin, status) in [(&*own, 200), ("http://evil.example", 403)] {
            let headers = [("content-type", "application/grpc-web"), ("origin", origin)];
            let answer = client.send(Method::POST, CHECK, &headers, EMPTY).await.unwrap();
            assert_eq!(answer.status, status, "{origin}");
        }
    }
    running.stop().await;
}

#[tokio::test]
async fn silent_stream_over_http1_ends_after_keep_alive_time() {
    let keep_alive = Duration::from_millis(300);
    let running = Running::with(Config { keep_alive, ..Config::for_tests() }).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let head =
        "POST /grpc.health.v1.Health/Watch HTTP/1.1\r\nhost: a\r\ncontent-type: application/grpc-web\r\n";
    let head = format!("{head}content-length: 5\r\n\r\n");
    let began = Instant::now();
    stream.write_all(&[head.as_bytes(), EMPTY].concat()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut response = Vec::new();
    soon(stream.read_to_end(&mut response)).await.unwrap();
    assert!(began.elapsed() >= keep_alive, "{:?}", began.elapsed());
    assert!(
        response.starts_with(b"HTTP/1.1 200 ") && response.ends_with(b"\r\n7\r\n\0\0\0\0\x02\x08\x01\r\n")
    );
    running.stop().await;
}
