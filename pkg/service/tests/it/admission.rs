//! Requests that are rejected by their head, before anything is done.

use crate::running::{Running, soon};
use http::Method;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Returns the complete response to the bytes of one request.
async fn raw(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    // A reset after the response is an end too.
    _ = soon(stream.read_to_end(&mut response)).await;
    String::from_utf8(response).unwrap()
}

#[track_caller]
fn is(response: &str, status: u16, code: &str) {
    assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{response}");
    assert!(response.contains(&format!("\"code\":\"{code}\"")), "{response}");
}

#[tokio::test]
async fn http1_request_without_exactly_one_valid_host_is_400() {
    let running = Running::start().await;
    for hosts in
        ["", "host: a\r\nhost: a\r\n", "host: a b\r\n", "host: a/b\r\n", "host: u@a\r\n", "host: a:b\r\n"]
    {
        for target in ["/greet/x", "http://a/greet/x"] {
            let request = format!("GET {target} HTTP/1.1\r\n{hosts}connection: close\r\n\r\n");
            is(&raw(running.address, &request).await, 400, "InvalidArgument");
        }
    }
    for (version, hosts) in
        [("1.1", "host: a\r\n"), ("1.1", "host:\r\n"), ("1.1", "host: [::1]:1\r\n"), ("1.0", "")]
    {
        let request = format!("GET /greet/x HTTP/{version}\r\n{hosts}connection: close\r\n\r\n");
        let response = raw(running.address, &request).await;
        assert!(response.contains(" 200 OK\r\n") && response.ends_with("hello x"), "{request}{response}");
    }
    running.stop().await;
}

#[tokio::test]
async fn cross_origin_write_is_403() {
    let running = Running::start().await;
    let own = format!("http://{}", running.address);
    let json = ("content-type", "application/json");
    for client in [running.client(), running.http2()] {
        for (headers, refused) in [
            (vec![json], false),
            (vec![json, ("origin", &*own)], false),
            (vec![json, ("origin", &*own), ("sec-fetch-site", "same-origin")], false),
            (vec![json, ("origin", "http://evil.example")], true),
            (vec![json, ("origin", "null")], true),
            (vec![json, ("sec-fetch-site", "cross-site")], true),
            (vec![json, ("origin", &*own), ("sec-fetch-site", "same-site")], true),
            (vec![("origin", "http://evil.example"), ("content-type", "text/plain")], true),
        ] {
            let rated = client.send(Method::POST, "/rate", &headers, r#"{"value":7}"#).await.unwrap();
            if refused {
                assert_eq!(rated.problem(403, "/rate"), "PermissionDenied", "{headers:?}");
            } else {
                assert_eq!(rated.text(), "7", "{headers:?}");
            }
            for method in [Method::PUT, Method::DELETE, Method::PATCH] {
                let status = client.send(method, "/rate", &headers, "").await.unwrap().status;
                assert_eq!(status, if refused { 403 } else { 405 }, "{headers:?}");
            }
            assert_eq!(client.send(Method::GET, "/greet/x", &headers, "").await.unwrap().status, 200);
        }
    }
    let client = running.http2();
    let foreign = client.send(
        Method::POST,
        "/small.v1.Small/Left",
        &[("content-type", "application/grpc"), ("te", "trailers"), ("origin", "http://evil.example")],
        &[0; 5][..],
    );
    assert_eq!(foreign.await.unwrap().problem(403, "/small.v1.Small/Left"), "PermissionDenied");
    running.stop().await;
}

#[tokio::test]
async fn post_with_body_but_without_content_type_is_415() {
    let running = Running::start().await;
    for client in [running.client(), running.http2()] {
        let rated = client.send(Method::POST, "/rate", &[], r#"{"value":7}"#).await.unwrap();
        assert_eq!(rated.problem(415, "/rate"), "UnsupportedMediaType");
        let empty = client.send(Method::POST, "/rate", &[], "").await.unwrap();
        assert_eq!(empty.problem(400, "/rate"), "InvalidArgument");
    }
    running.stop().await;
}

#[tokio::test]
async fn grpc_is_rejected_over_http1_and_in_other_encodings() {
    let running = Running::start().await;
    let method = "/small.v1.Small/Left";
    let call = async |client: crate::running::Caller, content_type: &str| {
        let headers = [("content-type", content_type), ("te", "trailers")];
        client.send(Method::POST, method, &headers, &[0; 5][..]).await.unwrap()
    };
    for content_type in ["application/grpc", "application/grpc+proto", "Application/GRPC"] {
        let refused = call(running.client(), content_type).await;
        assert_eq!(refused.problem(415, method), "UnsupportedMediaType");
        assert_eq!(call(running.http2(), content_type).await.grpc().0, 9, "{content_type}");
    }
    for content_type in [
        "application/grpc+json",
        "application/grpcfoo",
        "application/grpc-web+json",
        "application/grpc-web-texts",
        "application/grpc, application/grpc",
        "application/grpc;x",
    ] {
        for client in [running.client(), running.http2()] {
            let refused = call(client.clone(), content_type).await;
            assert_eq!(refused.problem(415, method), "UnsupportedMediaType", "{content_type}");
            // Also where REST would accept it: as JSON, or without looking at it.
            let headers = [("content-type", content_type)];
            for (method, path) in [(Method::POST, "/rate"), (Method::GET, "/greet/x")] {
                let refused = client.send(method, path, &headers, r#"{"value":7}"#).await.unwrap();
                assert_eq!(refused.problem(415, path), "UnsupportedMediaType", "{content_type}");
            }
        }
    }
    let twice = [("content-type", "application/grpc"), ("content-type", "application/grpc")];
    for client in [running.client(), running.http2()] {
        let refused = client.send(Method::POST, method, &twice, &[0; 5][..]).await.unwrap();
        assert_eq!(refused.problem(415, method), "UnsupportedMediaType");
    }
    let parameters = call(running.http2(), "application/GRPC+proto ; x=\"y;z\"").await;
    assert_eq!(parameters.grpc().0, 9);
    running.stop().await;
}

#[tokio::test]
async fn bytes_after_chunked_body_are_not_parsed_as_request() {
    let running = Running::start().await;
    let smuggled = "GET /greet/smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
    let body = format!("b\r\n{{\"value\":7}}\r\n0\r\n\r\n{smuggled}");
    let length = format!("content-length: {}\r\n", body.len());
    let chunked = "transfer-encoding: chunked\r\n";
    for framing in [format!("{length}{chunked}"), format!("{chunked}{length}"), chunked.to_owned()] {
        let head = "POST /rate HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";
        let response = raw(running.address, &format!("{head}{framing}\r\n{body}")).await;
        assert!(
            response.starts_with("HTTP/1.1 200 ") && response.contains("connection: close"),
            "{response}"
        );
        assert!(!response.contains("smuggled"), "{response}");
    }
    for framing in [
        "content-length: 3\r\ncontent-length: 4\r\n",
        "content-length: +3\r\n",
        "content-length: 3, 3\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding : chunked\r\n",
        "transfer-encoding: xchunked\r\n",
    ] {
        let head = "POST /rate HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";
        let response =
            raw(running.address, &format!("{head}{framing}\r\n3\r\n123\r\n0\r\n\r\n{smuggled}")).await;
        assert!(
            response.starts_with("HTTP/1.1 400 ") && !response.contains("smuggled"),
            "{framing}: {response}"
        );
    }
    running.stop().await;
}
