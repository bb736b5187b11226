//! Each mode, against a server that echoes what it receives.

use super::*;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use std::io::ErrorKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

const PATIENCE: Duration = Duration::from_secs(10);
/// Longer than a response of the server takes, if the machine is busy.
const SILENCE: Duration = Duration::from_millis(300);

/// Starts a server that echoes, and a proxy in front of it.
async fn echo() -> (Proxy, SocketAddr) {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let behind = server.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = server.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                copy(&mut read, &mut write).await
            });
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (Proxy::start(listener, behind).unwrap(), address)
}

/// Sends `text` and returns the same number of bytes.
async fn say(stream: &mut TcpStream, text: &str) -> io::Result<String> {
    stream.write_all(text.as_bytes()).await?;
    hear(stream, text.len()).await
}

async fn hear(stream: &mut TcpStream, length: usize) -> io::Result<String> {
    let mut heard = vec![0; length];
    timeout(PATIENCE, stream.read_exact(&mut heard)).await.unwrap()?;
    Ok(String::from_utf8(heard).unwrap())
}

#[tokio::test]
async fn everything_is_forwarded_until_both_sides_have_ended() {
    let (_proxy, address) = echo().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    assert_eq!(say(&mut stream, "one").await.unwrap(), "one");
    // More than the buffers of the proxy and the system together.
    let large = vec![7; 8 << 20];
    let (mut read, mut write) = stream.split();
    let mut returned = Vec::new();
    let sending = async {
        write.write_all(&large).await?;
        write.shutdown().await
    };
    let (sent, received) = tokio::join!(sending, read.read_to_end(&mut returned));
    assert_eq!((sent.unwrap(), received.unwrap()), ((), large.len()));
    assert!(returned == large);
}

#[tokio::test]
async fn closed_proxy_resets_connections_refuses_new_ones_and_returns_on_the_same_port() {
    let (proxy, address) = echo().await;
    for _ in 0..2 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        assert_eq!(say(&mut stream, "one").await.unwrap(), "one");
        proxy.set(Mode::Closed);
        let error = hear(&mut stream, 1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(address).await.is_ok() {
            assert!(Instant::now() < deadline, "the port is still open");
            sleep(Duration::from_millis(5)).await;
        }
        proxy.set(Mode::Forward);
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(address).await.is_err() {
            assert!(Instant::now() < deadline, "the port is still closed");
            sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn frozen_proxy_accepts_and_forwards_only_after_it_is_healed() {
    let (proxy, address) = echo().await;
    let mut before = TcpStream::connect(address).await.unwrap();
    assert_eq!(say(&mut before, "one").await.unwrap(), "one");
    proxy.set(Mode::Frozen);
    let mut during = TcpStream::connect(address).await.unwrap();
    for stream in [&mut before, &mut during] {
        stream.write_all(b"two").await.unwrap();
        assert!(timeout(SILENCE, stream.read_u8()).await.is_err());
    }
    proxy.set(Mode::Forward);
    for stream in [&mut before, &mut during] {
        assert_eq!(hear(stream, 3).await.unwrap(), "two");
    }
}

#[tokio::test]
async fn slow_proxy_delays_each_response_and_changes_none() {
    let (proxy, address) = echo().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    proxy.set(Mode::Slow(SILENCE));
    let began = Instant::now();
    assert_eq!(say(&mut stream, "one").await.unwrap(), "one");
    assert_eq!(say(&mut stream, "two").await.unwrap(), "two");
    assert!(began.elapsed() >= 2 * SILENCE, "{:?}", began.elapsed());
    proxy.set(Mode::Forward);
    assert_eq!(say(&mut stream, "three").await.unwrap(), "three");
}

#[tokio::test]
async fn failing_proxy_responds_to_every_request_with_an_error_until_it_is_healed() {
    let (proxy, address) = echo().await;
    let mut before = TcpStream::connect(address).await.unwrap();
    assert_eq!(say(&mut before, "one").await.unwrap(), "one");
    proxy.set(Mode::Failing);
    assert_eq!(hear(&mut before, 1).await.unwrap_err().kind(), ErrorKind::ConnectionReset);

    for http2 in [false, true] {
        let client = Client::builder(TokioExecutor::new()).http2_only(http2).build_http::<Empty<Bytes>>();
        let request = || hyper::Request::get(format!("http://{address}/v1/metadata/1"));
        let response = client.request(request().body(Empty::new()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 500);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(body.starts_with(b"{\"title\""), "{body:?}");
        let grpc = request().header("content-type", "application/grpc").body(Empty::new()).unwrap();
        let response = client.request(grpc).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["grpc-status"]),
            (200, &"14".parse().unwrap())
        );
    }
    proxy.set(Mode::Forward);
    let mut after = TcpStream::connect(address).await.unwrap();
    assert_eq!(say(&mut after, "two").await.unwrap(), "two");
}

#[tokio::test]
async fn connections_end_with_the_proxy_and_its_port_is_free() {
    let (proxy, address) = echo().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    assert_eq!(say(&mut stream, "one").await.unwrap(), "one");
    drop(proxy);
    assert!(hear(&mut stream, 1).await.is_err());
    let deadline = Instant::now() + PATIENCE;
    while std::net::TcpListener::bind(address).is_err() {
        assert!(Instant::now() < deadline, "the port is not free");
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn server_that_is_gone_is_a_reset() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let _proxy = Proxy::start(listener, gone).unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    assert_eq!(hear(&mut stream, 1).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}
