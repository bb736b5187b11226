//! Request bodies: what is decided before they are read, and bodies that arrive slowly.

use crate::running::{Running, soon};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use service::Config;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

/// The shorter of two time limits in a test, and a time that is certainly longer.
const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_millis(700);

/// More than any declared length that is accepted.
const GIBIBYTE: usize = 1 << 30;

fn head(line: &str, headers: &str) -> String {
    format!("{line} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{headers}\r\n")
}

/// Sends `text` and reads until the server closes its side.
async fn exchange(running: &Running, text: &str) -> String {
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    read(&mut stream).await
}

async fn read(stream: &mut TcpStream) -> String {
    let mut response = String::new();
    soon(stream.read_to_string(&mut response)).await.unwrap();
    response
}

/// Opens an HTTP/2 stream whose body the test sends.
async fn open(
    running: &Running,
    request: Request<()>,
) -> (h2::client::ResponseFuture, h2::SendStream<Bytes>) {
    let stream = TcpStream::connect(running.address).await.unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    client = client.ready().await.unwrap();
    client.send_request(request, false).unwrap()
}

fn rate() -> http::request::Builder {
    Request::post("http://x/rate").header("content-type", "application/json")
}

async fn text(response: Response<h2::RecvStream>) -> String {
    let (mut body, mut text) = (response.into_body(), Vec::new());
    while let Some(chunk) = soon(body.data()).await {
        text.extend_from_slice(&chunk.unwrap());
    }
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn declared_length_above_limit_is_413_without_waiting_for_body() {
    let running = Running::start().await;
    let began = Instant::now();
    for line in ["POST /rate", "GET /greet/x", "DELETE /greet/x", "POST /nowhere"] {
        for len in [1024 * 1024 + 1, 2 * 1024 * 1024, GIBIBYTE] {
            for (expect, sent) in [("expect: 100-continue\r\n", ""), ("", ""), ("", "{")] {
                let request = head(line, &format!("{expect}content-length: {len}\r\n")) + sent;
                let response = exchange(&running, &request).await;
                assert!(response.starts_with("HTTP/1.1 413 "), "{request}\n{response}");
                assert!(response.contains("\r\nconnection: close\r\n"), "{request}\n{response}");
                assert!(response.contains("PayloadTooLarge"), "{request}\n{response}");
            }
        }
        let (method, path) = line.split_once(' ').unwrap();
        let request = Request::builder().method(method).uri(format!("http://x{path}"));
        let request = request.header("content-length", GIBIBYTE).body(()).unwrap();
        let (response, _body) = open(&running, request).await;
        let response = soon(response).await.unwrap();
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE, "{line}");
        assert!(text(response).await.contains("PayloadTooLarge"));
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    running.stop().await;
}

#[tokio::test]
async fn client_that_sends_everything_before_it_reads_gets_the_413() {
    let running = Running::start().await;
    const LEN: usize = 12 << 20;
    for expect in ["", "expect: 100-continue\r\n"] {
        for line in ["POST /rate", "POST /nowhere"] {
            let mut stream = TcpStream::connect(running.address).await.unwrap();
            let request = head(line, &format!("{expect}content-length: {LEN}\r\n"));
            stream.write_all(request.as_bytes()).await.unwrap();
            soon(stream.write_all(&vec![b' '; LEN])).await.unwrap();
            let response = read(&mut stream).await;
            assert!(response.starts_with("HTTP/1.1 413 "), "{response}");
        }
    }
    running.stop().await;
}

#[tokio::test]
async fn client_gets_the_response_although_its_body_is_not_read() {
    let running = Running::start().await;
    const LEN: usize = 1 << 20;
    for (line, status) in [("POST /nowhere", "404"), ("PUT /rate", "405"), ("GET /greet/x", "200")] {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let request = head(line, &format!("content-length: {LEN}\r\n"));
        stream.write_all(request.as_bytes()).await.unwrap();
        for _ in 0..LEN / 65_536 {
            soon(stream.write_all(&[b' '; 65_536])).await.unwrap();
        }
        let response = read(&mut stream).await;
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {response}");
        assert!(response.contains("\r\nconnection: close\r\n"), "{line}: {response}");
    }
    running.stop().await;
}

#[tokio::test]
async fn continue_is_sent_only_if_the_body_is_wanted() {
    let running = Running::start().await;
    let expect = "expect: 100-Continue\r\ncontent-length: 11\r\n";
    for (line, headers, status) in [
        ("POST /nowhere", expect.to_owned(), "404"),
        ("PUT /rate", expect.to_owned(), "405"),
        ("GET /list?x=1", expect.to_owned(), "400"),
        ("GET /greet/x", expect.to_owned(), "200"),
        ("POST /rate", format!("{expect}origin: http://other\r\n"), "403"),
    ] {
        let response = exchange(&running, &head(line, &headers)).await;
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {response}");
        assert!(response.contains("\r\nconnection: close\r\n"), "{line}: {response}");
    }
    let text = head("POST /rate", expect).replace("application/json", "text/plain");
    let response = exchange(&running, &text).await;
    assert!(response.starts_with("HTTP/1.1 415 "), "{response}");

    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(head("POST /rate", &format!("connection: close\r\n{expect}")).as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    soon(stream.read_exact(&mut interim)).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(br#"{"value":7}"#).await.unwrap();
    let response = read(&mut stream).await;
    assert!(response.starts_with("HTTP/1.1 200 ") && response.ends_with("\r\n\r\n7"), "{response}");
    running.stop().await;
}

#[tokio::test]
async fn other_expectation_is_417() {
    let running = Running::start().await;
    for expected in ["200-ok", "", "100-continue, x", "100-continue\r\nexpect: x", "x=\"y\""] {
        for line in ["POST /rate", "GET /greet/x"] {
            let headers = format!("connection: close\r\nexpect: {expected}\r\ncontent-length: 11\r\n");
            let response = exchange(&running, &head(line, &headers)).await;
            assert!(response.starts_with("HTTP/1.1 417 "), "{expected}: {response}");
        }
    }
    let answer = running.http2().send(http::Method::GET, "/greet/x", &[("expect", "x")], "").await.unwrap();
    assert_eq!(answer.problem(417, "/greet/x"), "ExpectationFailed");
    running.stop().await;
}

#[tokio::test]
async fn body_within_its_own_limit_is_accepted_however_short_the_request_timeout() {
    let config = Config { request_timeout: SHORT, ..Config::for_tests() };
    let running = Running::with(config).await;
    let whole = br#"{"value":7}"#;
    for chunked in [false, true] {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let length = if chunked { "transfer-encoding: chunked\r\n" } else { "content-length: 11\r\n" };
        let request = head("POST /rate", &format!("connection: close\r\n{length}"));
        stream.write_all(request.as_bytes()).await.unwrap();
        for part in whole.chunks(4) {
            sleep(LONG / 2).await;
            let part = std::str::from_utf8(part).unwrap();
            let part = if chunked { format!("{:x}\r\n{part}\r\n", part.len()) } else { part.to_owned() };
            stream.write_all(part.as_bytes()).await.unwrap();
        }
        if chunked {
            stream.write_all(b"0\r\n\r\n").await.unwrap();
        }
        let response = read(&mut stream).await;
        assert!(response.starts_with("HTTP/1.1 200 ") && response.contains("\r\n\r\n"), "{response}");
    }
    let (response, mut body) = open(&running, rate().body(()).unwrap()).await;
    for part in whole.chunks(4) {
        sleep(LONG / 2).await;
        body.send_data(Bytes::copy_from_slice(part), false).unwrap();
    }
    body.send_data(Bytes::new(), true).unwrap();
    let response = soon(response).await.unwrap();
    assert_eq!((response.status(), &*text(response).await), (StatusCode::OK, "7"));
    running.stop().await;
}

#[tokio::test]
async fn late_body_is_408_and_closes_the_connection() {
    // Shorter and longer than the time limit of a handler.
    for request_timeout in [Duration::from_secs(60), SHORT / 2] {
        let config = Config { request_timeout, body_timeout: SHORT, ..Config::for_tests() };
        let running = Running::with(config).await;
        for (length, sent) in [
            ("content-length: 11", ""),
            ("content-length: 11", "{\"va"),
            ("content-length: 1048576", "{"),
            ("transfer-encoding: chunked", "4\r\n{\"va\r\n"),
            ("transfer-encoding: chunked", ""),
        ] {
            let began = Instant::now();
            let request = head("POST /rate", &format!("{length}\r\n")) + sent;
            let response = exchange(&running, &request).await;
            assert!(response.starts_with("HTTP/1.1 408 "), "{length} {sent}: {response}");
            assert!(response.contains("\r\nconnection: close\r\n"), "{length} {sent}: {response}");
            assert!(response.contains("RequestTimeout"), "{response}");
            assert!(began.elapsed() >= SHORT, "{:?}", began.elapsed());
        }
        let (response, mut body) = open(&running, rate().body(()).unwrap()).await;
        body.send_data(Bytes::from_static(b"{"), false).unwrap();
        let response = soon(response).await.unwrap();
        assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
        assert!(text(response).await.contains("RequestTimeout"));
        running.stop().await;
    }
}

#[tokio::test]
async fn dripping_body_is_408_at_the_end_of_the_whole_limit() {
    let config = Config { body_timeout: LONG, ..Config::for_tests() };
    let running = Running::with(config).await;
    let stream = TcpStream::connect(running.address).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    writer.write_all(head("POST /rate", "content-length: 1000000\r\n").as_bytes()).await.unwrap();
    let began = Instant::now();
    let dripping = tokio::spawn(async move {
        while writer.write_all(b" ").await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    });
    let mut response = String::new();
    soon(reader.read_to_string(&mut response)).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 408 "), "{response}");
    assert!(began.elapsed() >= LONG, "{:?}", began.elapsed());
    dripping.abort();
    running.stop().await;
}

#[tokio::test]
async fn slow_or_broken_body_that_no_handler_reads_does_not_delay_the_response() {
    let running = Running::start().await;
    let began = Instant::now();
    let response = exchange(&running, &head("GET /greet/x", "content-length: 5000\r\n")).await;
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    for line in ["POST /rate", "GET /held"] {
        let mut broken = TcpStream::connect(running.address).await.unwrap();
        broken.write_all(head(line, "content-length: 5000\r\n").as_bytes()).await.unwrap();
        broken.write_all(b"{").await.unwrap();
    }
    assert_eq!(running.client().get("/greet/x").await.status, 200);
    running.stop().await;
}

#[tokio::test]
async fn handler_that_is_late_after_a_slow_body_is_a_504() {
    let config = Config { request_timeout: SHORT, ..Config::for_tests() };
    let running = Running::with(config).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let request = head("POST /absorb", "connection: close\r\ncontent-length: 2\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    sleep(LONG).await;
    let complete = Instant::now();
    stream.write_all(b"{}").await.unwrap();
    let response = read(&mut stream).await;
    assert!(response.starts_with("HTTP/1.1 504 "), "{response}");
    assert!(complete.elapsed() >= SHORT, "{:?}", complete.elapsed());
    running.stop().await;
}

#[tokio::test]
async fn grpc_message_has_the_limit_of_a_body_and_the_callers_deadline_covers_it() {
    let config = Config { request_timeout: SHORT, body_timeout: 2 * LONG, ..Config::for_tests() };
    let running = Running::with(config).await;
    let call = |path: &str| {
        Request::post(format!("http://x{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
    };
    let code = |response: &Response<h2::RecvStream>| response.headers()["grpc-status"].clone();
    let check = || call("/small.v1.Small/Read");

    let (response, mut body) = open(&running, check().body(()).unwrap()).await;
    sleep(LONG).await;
    body.send_data(Bytes::from_static(&[0; 5]), true).unwrap();
    let response = soon(response).await.unwrap();
    assert_eq!(code(&response), "9");
    // The handler's own time begins with the end of the message.
    let left: u64 = response.headers()["grpc-message"].to_str().unwrap().parse().unwrap();
    assert!(left > 0 && left <= SHORT.as_millis() as u64, "{left} ms");

    for (timeout, text) in [(None, "did not arrive"), (Some("300m"), "timed out")] {
        let mut request = check();
        if let Some(timeout) = timeout {
            request = request.header("grpc-timeout", timeout);
        }
        let (response, mut body) = open(&running, request.body(()).unwrap()).await;
        body.send_data(Bytes::from_static(&[0; 2]), false).unwrap();
        let response = soon(response).await.unwrap();
        assert_eq!(code(&response), "4");
        let message = response.headers()["grpc-message"].to_str().unwrap().replace("%20", " ");
        assert!(message.contains(text), "{message}");
    }
    running.stop().await;
}
