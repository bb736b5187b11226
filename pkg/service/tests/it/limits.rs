//! Limits for callers, and handlers that time out or panic.

use crate::running::{PATIENCE, Running, soon};
use http::Method;
use service::Config;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn body_over_a_mebibyte_is_413_and_exactly_one_is_accepted() {
    let running = Running::start().await;
    let padded = |len: usize| format!(r#"{{"value":7{}}}"#, " ".repeat(len - 11));
    for client in [running.client(), running.http2()] {
        assert_eq!(client.post("/rate", padded(1024 * 1024)).await.text(), "7");
        for len in [1024 * 1024 + 1, 2 * 1024 * 1024] {
            assert_eq!(client.post("/rate", padded(len)).await.problem(413, "/rate"), "PayloadTooLarge");
        }
    }
    running.stop().await;
}

#[tokio::test]
async fn body_without_length_is_limited_too() {
    let running = Running::start().await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let head = "POST /rate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..40 {
        stream.write_all(b"10000\r\n").await.unwrap();
        stream.write_all(&[b' '; 0x10000]).await.unwrap();
        stream.write_all(b"\r\n").await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let mut start = [0; 12];
    soon(stream.read_exact(&mut start)).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 413");
    running.stop().await;
}

#[tokio::test]
async fn request_line_over_64_kib_is_414() {
    let running = Running::start().await;
    let request = |line: usize| {
        let path = format!("/{}", "x".repeat(line - "GET / HTTP/1.1".len()));
        format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    };
    // The last exceeds what HTTP's types can store: it is rejected while it is parsed.
    for (line, status) in [(64 * 1024, "404"), (64 * 1024 + 1, "414"), (100_000, "414")] {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        stream.write_all(request(line).as_bytes()).await.unwrap();
        let mut answer = String::new();
        soon(stream.read_to_string(&mut answer)).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {:.99}", answer);
        assert!(line == 100_000 || answer.contains("application/problem+json"), "{line}: {:.200}", answer);
    }
    let long = format!("/{}", "x".repeat(60_000));
    assert_eq!(running.http2().get(&long).await.problem(404, &long), "NotFound");
    running.stop().await;
}

#[tokio::test]
async fn body_that_is_not_json_is_415_or_400() {
    let running = Running::start().await;
    let client = running.client();
    let text = client.send(Method::POST, "/rate", &[("content-type", "text/plain")], "5").await.unwrap();
    assert_eq!(text.problem(415, "/rate"), "UnsupportedMediaType");
    for (body, field) in [
        ("", "body"),
        ("value=5", "body"),
        (r#"{"value":4.5}"#, "value"),
        (r#"{"value":5.0}"#, "value"),
        (r#"{"value":"5"}"#, "value"),
        (r#"{"value":5,"x":1}"#, "x"),
        ("{}", "value"),
    ] {
        let answer = client.post("/rate", body).await;
        answer.problem(400, "/rate");
        assert_eq!(answer.json()["errors"][0]["field"], field, "{body}");
    }
    running.stop().await;
}

#[tokio::test]
async fn encoded_body_is_415_which_names_accepted_coding() {
    let running = Running::start().await;
    let json = ("content-type", "application/json");
    let (encoded, body) = ("content-encoding", r#"{"value":7}"#);
    for client in [running.client(), running.http2()] {
        for codings in
            [&["gzip"][..], &["GZIP"], &["gzip, identity"], &["identity, gzip"], &["identity", "br"]]
        {
            let headers: Vec<_> = codings.iter().map(|coding| (encoded, *coding)).chain([json]).collect();
            for (method, path) in
                [(Method::POST, "/rate"), (Method::PUT, "/greet/x"), (Method::POST, "/nowhere")]
            {
                let refused = client.send(method, path, &headers, body).await.unwrap();
                assert_eq!(refused.problem(415, path), "UnsupportedMediaType", "{codings:?}");
                assert_eq!(refused.header("accept-encoding"), "identity");
            }
            // Without a body there is nothing to decode.
            assert_eq!(client.send(Method::GET, "/greet/x", &headers, "").await.unwrap().status, 200);
            let grpc = [("content-type", "application/grpc-web"), (encoded, codings[0])];
            let refused =
                client.send(Method::POST, "/small.v1.Small/Left", &grpc, &[0; 5][..]).await.unwrap();
            assert_eq!(refused.status, if codings == ["identity", "br"] { 200 } else { 415 });
        }
        for codings in [&["identity"][..], &["Identity, identity", "identity"], &[""]] {
            let headers: Vec<_> = codings.iter().map(|coding| (encoded, *coding)).chain([json]).collect();
            assert_eq!(client.send(Method::POST, "/rate", &headers, body).await.unwrap().text(), "7");
        }
        let text = client.send(Method::POST, "/rate", &[("content-type", "text/plain")], "5").await.unwrap();
        assert_eq!((text.status.as_u16(), text.header("accept-encoding")), (415, ""));
    }
    // gRPC has encodings of its own.
    let grpc = running.http2().call("/small.v1.Small/Left", &[(encoded, "gzip")]).await;
    assert_eq!(grpc.grpc().0, 9);
    running.stop().await;
}

#[tokio::test]
async fn transfer_coding_other_than_chunked_is_501() {
    let running = Running::start().await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let head = "POST /rate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: gzip, chunked\r\n\r\n";
    stream.write_all(format!("{head}b\r\n{{\"value\":7}}\r\n0\r\n\r\n").as_bytes()).await.unwrap();
    let mut response = String::new();
    soon(stream.read_to_string(&mut response)).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 501 ") && response.contains("transfer coding"), "{response}");
    running.stop().await;
}

#[tokio::test]
async fn late_handler_is_a_timeout_in_each_protocol() {
    let config = Config { request_timeout: Duration::from_millis(100), ..Config::for_tests() };
    let running = Running::with(config).await;
    assert_eq!(running.client().get("/never").await.problem(504, "/never"), "Timeout");
    assert_eq!(running.http2().call("/small.v1.Small/Slow", &[]).await.grpc().0, 4);
    running.stop().await;
}

#[tokio::test]
async fn callers_grpc_timeout_is_enforced_and_passed_to_handler() {
    let config = Config { request_timeout: Duration::from_secs(60), ..Config::for_tests() };
    let running = Running::with(config).await;
    let client = running.http2();
    let began = Instant::now();
    assert_eq!(client.call("/small.v1.Small/Slow", &[("grpc-timeout", "50m")]).await.grpc().0, 4);
    assert!(began.elapsed() < PATIENCE);

    for (headers, most) in
        [(&[("grpc-timeout", "5S")][..], 5_000), (&[("grpc-timeout", "2H")], 60_000), (&[], 60_000)]
    {
        let answer = client.call("/small.v1.Small/Left", headers).await;
        let (code, left) = answer.grpc();
        let left: u64 = left.parse().unwrap();
        assert_eq!(code, 9);
        assert!(left <= most && left > most - 5_000, "{left} ms of {most}");
    }
    let left = running.client().get("/left").await.json().as_u64().unwrap();
    assert!((55_000..=60_000).contains(&left), "{left} ms");
    running.stop().await;
}

#[tokio::test]
async fn panic_is_an_internal_error_and_affects_no_other_call() {
    let running = Running::start().await;
    let (client, http2) = (running.client(), running.http2());
    for _ in 0..3 {
        let rest = client.get("/panic").await;
        assert_eq!(rest.problem(500, "/panic"), "Internal");
        let grpc = http2.call("/small.v1.Small/Panic", &[]).await;
        assert_eq!(grpc.grpc().0, 13);
        assert!(!rest.text().contains("secret") && !grpc.grpc().1.contains("secret"));
        assert_eq!(client.get("/greet/x").await.status, 200);
        assert_eq!(http2.get("/greet/x").await.status, 200);
    }
    running.stop().await;
}

#[tokio::test]
async fn connection_that_sends_nothing_or_a_partial_preface_is_closed() {
    let running = Running::start().await;
    let began = Instant::now();
    let mut silent = TcpStream::connect(running.address).await.unwrap();
    let mut stuck = TcpStream::connect(running.address).await.unwrap();
    stuck.write_all(b"PRI * HT").await.unwrap();
    for stream in [&mut silent, &mut stuck] {
        let mut rest = Vec::new();
        // A reset is an end too: the server leaves the preface unread.
        _ = soon(stream.read_to_end(&mut rest)).await;
        assert!(rest.is_empty(), "{rest:?}");
        assert!(began.elapsed() >= Duration::from_secs(4), "{:?}", began.elapsed());
    }
    running.stop().await;
}

#[tokio::test]
async fn preface_in_pieces_is_accepted() {
    let running = Running::start().await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
    stream.flush().await.unwrap();
    stream.write_all(b"\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut head = [0; 9];
    soon(stream.read_exact(&mut head)).await.unwrap();
    assert_eq!(head[3], 4, "the server's first frame is SETTINGS: {head:?}");
    running.stop().await;
}
