//! Interrupted exchanges, with servers that write raw bytes: calls that cannot have been executed are distinguished from
//! calls that may have been.

use crate::stack::Stack;
use client::{Instances, Options, Statistics};
use fault::{Fault, Kind};
use model::{RecordId, RecordType};
use movie::gateway::{RatingGateway, grpc, http};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};
use tokio_util::task::AbortOnDropHandle;
use trace::Tracer;

const PATIENCE: Duration = Duration::from_secs(10);

/// How the server treats each HTTP/2 stream.
#[derive(Clone, Copy, Debug)]
enum Stream {
    /// Refuses it with a reset.
    Refused,
    /// Sends GOAWAY; earlier streams were processed, this one was not.
    GoneBefore,
    /// Sends GOAWAY, having processed it, and closes the connection.
    GoneWith,
    /// Closes the connection.
    Killed,
    /// Resets it for an internal error.
    Reset,
    /// Responds with a gRPC status.
    Status(&'static str),
    /// Responds with an HTTP status of HPACK's static table, and no gRPC status.
    Http(u8),
    /// Sends GOAWAY for too many resets; earlier streams were processed, this one was not.
    Calm,
}

/// `:status` 404 and 500 (RFC 7541, appendix A).
const HTTP_404: u8 = 0x8d;
const HTTP_500: u8 = 0x8e;

/// A frame of RFC 9113, section 4.1.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap();
    let mut frame = length.to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const ACK: u8 = 1;

fn reset(stream: u32, error: u32) -> Vec<u8> {
    frame(3, 0, stream, &error.to_be_bytes())
}

fn go_away(last: u32, error: u32) -> Vec<u8> {
    frame(7, 0, 0, &[last.to_be_bytes(), error.to_be_bytes()].concat())
}

/// `:status: 200` and a gRPC status, uncompressed, without anything else.
fn status(stream: u32, code: &str) -> Vec<u8> {
    let mut block = vec![0x88];
    for (name, value) in [("content-type", "application/grpc"), ("grpc-status", code)] {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend(text.as_bytes());
        }
    }
    frame(HEADERS, 0b101, stream, &block)
}

/// Serves HTTP/2 until the client closes, or as `does` requires.
async fn speak(mut connection: TcpStream, does: Stream) -> std::io::Result<()> {
    connection.read_exact(&mut [0; 24]).await?;
    connection.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
    loop {
        let mut head = [0; 9];
        connection.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        connection.read_exact(&mut vec![0; length as usize]).await?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let response = match (head[3], head[4], does) {
            (SETTINGS, 0, _) => frame(SETTINGS, ACK, 0, &[]),
            (HEADERS, _, Stream::Refused) => reset(stream, 7),
            (HEADERS, _, Stream::Reset) => reset(stream, 2),
            (HEADERS, _, Stream::GoneBefore) => go_away(stream.saturating_sub(2), 0),
            (HEADERS, _, Stream::Calm) => go_away(stream.saturating_sub(2), 11),
            (HEADERS, _, Stream::Status(code)) => status(stream, code),
            (HEADERS, _, Stream::Http(status)) => frame(HEADERS, 0b101, stream, &[status]),
            (HEADERS, _, Stream::GoneWith) => {
                return connection.write_all(&go_away(stream, 0)).await;
            }
            (HEADERS, _, Stream::Killed) => return Ok(()),
            _ => continue,
        };
        connection.write_all(&response).await?;
    }
}

/// Serves each connection with `serve` until the handle is dropped.
async fn server<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> (String, AbortOnDropHandle<()>)
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let accept = async move {
        loop {
            let (connection, _) = listener.accept().await.unwrap();
            // That the client closes first is no failure here.
            tokio::spawn(serve(connection));
        }
    };
    (address, AbortOnDropHandle::new(tokio::spawn(accept)))
}

/// Reads an aggregate with a deadline of 5 s.
async fn aggregate(gateway: &dyn RatingGateway) -> Result<bool, movie::gateway::Error> {
    let (record_type, id) = (RecordType::movie(), RecordId::new("1").unwrap());
    let response = gateway.get_aggregate(&record_type, &id, Instant::now() + Duration::from_secs(5)).await?;
    Ok(response.is_some())
}

fn over_grpc(instances: &Instances) -> grpc::RatingBackend {
    grpc::RatingBackend::new(instances, Options::default(), Tracer::disabled())
}

/// Returns the reasons of retries.
fn reasons(statistics: &Statistics) -> BTreeSet<&'static str> {
    statistics.retries.iter().filter(|(_, count)| *count > 0).map(|(reason, _)| *reason).collect()
}

/// Returns an address where no program listens: the port was assigned and is free again.
async fn closed_port() -> String {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string()
}

#[tokio::test]
async fn unprocessed_stream_is_distinguished_from_one_that_may_have_been_processed() {
    for (does, expected) in [
        (Stream::Refused, "unsent"),
        (Stream::GoneBefore, "unsent"),
        (Stream::GoneWith, "broken"),
        (Stream::Killed, "broken"),
        (Stream::Reset, "broken"),
        (Stream::Status("14"), "unavailable"),
        // An older version, another service, or a proxy.
        (Stream::Status("12"), "unavailable"),
        (Stream::Status("5"), "unavailable"),
        (Stream::Http(HTTP_404), "unavailable"),
        (Stream::Http(HTTP_500), "unavailable"),
    ] {
        let (address, _server) = server(move |connection| speak(connection, does)).await;
        let instances = Instances::fixed("rating", [address]).unwrap();
        let gateway = over_grpc(&instances);
        for _ in 0..3 {
            assert!(aggregate(&gateway).await.is_err(), "{does:?}");
        }
        let reasons = reasons(&instances.statistics());
        assert!(reasons.contains(expected), "{does:?}: {reasons:?}");
        // A connection that has just ended refuses the next call by itself.
        let others: BTreeSet<_> = reasons.difference(&[expected, "unsent"].into()).copied().collect();
        assert!(others.is_empty(), "{does:?}: {others:?}");
    }
}

#[tokio::test]
async fn connection_closed_for_too_many_resets_ejects_nothing() {
    let (address, _server) = server(|connection| speak(connection, Stream::Calm)).await;
    let instances = Instances::fixed("rating", [address]).unwrap();
    let gateway = over_grpc(&instances);
    for _ in 0..10 {
        assert_eq!(aggregate(&gateway).await.unwrap_err().kind(), Kind::Unavailable);
    }
    let statistics = instances.statistics();
    assert_eq!((statistics.ejections, statistics.refusals), (0, 0), "{statistics:?}");
}

#[tokio::test]
async fn refused_connection_means_nothing_was_sent() {
    let instances = Instances::fixed("rating", [closed_port().await]).unwrap();
    for gateway in [
        &over_grpc(&instances) as &dyn RatingGateway,
        &http::RatingBackend::new(&instances, Options::default(), Tracer::disabled()),
    ] {
        assert!(aggregate(gateway).await.is_err());
        assert_eq!(reasons(&instances.statistics()), ["unsent"].into());
    }
}

/// Reads a request's head.
async fn request(connection: &mut TcpStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await?);
    }
    Ok(())
}

const NOT_FOUND: &[u8] = b"HTTP/1.1 404 Not Found\r\ncontent-length: 19\r\n\r\n{\"code\":\"NotFound\"}";

#[tokio::test]
async fn response_of_other_program_is_unavailability() {
    for (head, body) in [
        ("404 Not Found", ""),
        ("404 Not Found", "<html>no such page</html>"),
        ("404 Not Found", "{\"message\":\"no route\"}"),
        ("404 Not Found", "{\"detail\":\"there is nothing at this path\",\"code\":\"NotFound\"}"),
        ("302 Found", ""),
        ("500 Internal Server Error", "<html>"),
        ("502 Bad Gateway", "<html>"),
        ("503 Service Unavailable", "<html>"),
        ("200 OK", "<html>welcome</html>"),
        ("200 OK", "{}"),
        ("200 OK", ""),
    ] {
        let (address, _server) = server(move |mut connection| async move {
            let response = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            loop {
                request(&mut connection).await?;
                connection.write_all(response.as_bytes()).await?;
            }
        })
        .await;
        let instances = Instances::fixed("rating", [address]).unwrap();
        let gateway = http::RatingBackend::new(&instances, Options::default(), Tracer::disabled());
        assert_eq!(aggregate(&gateway).await.unwrap_err().kind(), Kind::Unavailable, "{head} {body}");
        assert_eq!(reasons(&instances.statistics()), ["unavailable"].into(), "{head} {body}");
    }
}

#[tokio::test]
async fn other_service_at_address_is_unavailability() {
    let stack = Stack::start("grpc").await;
    let instances = Instances::fixed("rating", [stack.metadata.as_ref().unwrap().authority()]).unwrap();
    for gateway in [
        &over_grpc(&instances) as &dyn RatingGateway,
        &http::RatingBackend::new(&instances, Options::default(), Tracer::disabled()),
    ] {
        assert_eq!(aggregate(gateway).await.unwrap_err().kind(), Kind::Unavailable);
    }
    stack.stop().await;
}

#[tokio::test]
async fn idle_connection_closed_by_service_fails_no_call() {
    let (closed, mut wait_closed) = tokio::sync::mpsc::unbounded_channel();
    let (address, _server) = server(move |mut connection| {
        let closed = closed.clone();
        async move {
            let idle = Duration::from_millis(50);
            while let Ok(received) = timeout(idle, request(&mut connection)).await {
                received?;
                connection.write_all(NOT_FOUND).await?;
            }
            drop(connection);
            closed.send(()).unwrap();
            Ok(())
        }
    })
    .await;
    let instances = Instances::fixed("rating", [address]).unwrap();
    let gateway = http::RatingBackend::new(&instances, Options::default(), Tracer::disabled());
    for _ in 0..5 {
        timeout(PATIENCE, wait_closed.recv()).await.unwrap();
        assert!(!aggregate(&gateway).await.unwrap());
    }
}

#[tokio::test]
async fn connection_closed_on_reuse_costs_one_retry_and_fails_no_call() {
    let (address, _server) = server(|mut connection| async move {
        request(&mut connection).await?;
        connection.write_all(NOT_FOUND).await?;
        request(&mut connection).await
    })
    .await;
    let instances = Instances::fixed("rating", [address]).unwrap();
    let gateway = http::RatingBackend::new(&instances, Options::default(), Tracer::disabled());
    for _ in 0..6 {
        assert!(!aggregate(&gateway).await.unwrap());
    }
    assert_eq!(reasons(&instances.statistics()), ["broken"].into());
}
