//! When connections to instances open and close, observed by an instance that forwards them to another.

use crate::stack::Stack;
use client::{Instances, Options};
use discovery::Instance;
use futures::future::join_all;
use model::page::Request;
use movie::gateway::{Error, MetadataGateway, http};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};

/// Less than the 10 s after which a service closes an idle HTTP/1 connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// The number of workers of the movie service.
const WORKERS: usize = 2;

#[tokio::test]
async fn connections_open_before_any_call_and_close_when_instance_leaves() {
    for gateway in ["grpc", "http"] {
        let stack = Stack::start(gateway).await;
        let behind = stack.rating.as_ref().unwrap().authority();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let instance = Instance {
            service: "rating".into(),
            id: "rating-that-passes-on".into(),
            host: "127.0.0.1".into(),
            port: listener.local_addr().unwrap().port(),
            tags: Vec::new(),
        };
        stack.registry.register(&instance).await.unwrap();

        let mut connections = Vec::new();
        for _ in 0..WORKERS {
            let accepted = timeout(PATIENCE, listener.accept()).await;
            let (mut near, _) = accepted.expect("a worker connects without a call").unwrap();
            let mut far = TcpStream::connect(&behind).await.unwrap();
            connections.push(tokio::spawn(async move { copy_bidirectional(&mut near, &mut far).await }));
        }
        for connection in &connections {
            assert!(!connection.is_finished(), "{gateway}: closed while the instance is there");
        }

        stack.registry.deregister(&instance).await.unwrap();
        for connection in connections {
            let closed = timeout(PATIENCE, connection).await;
            assert!(closed.is_ok(), "{gateway}: open after the instance left");
        }
        assert!(timeout(Duration::ZERO, listener.accept()).await.is_err(), "{gateway}: one a worker");
        stack.stop().await;
    }
}

/// Starts an instance that responds to each request after `delay`; also returns the current and the maximum number of
/// its connections.
async fn slow(delay: Duration) -> (String, Arc<[AtomicUsize; 2]>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let counts: Arc<[AtomicUsize; 2]> = Arc::default();
    let counted = counts.clone();
    tokio::spawn(async move {
        loop {
            let (connection, _) = listener.accept().await.unwrap();
            let open = counted[0].fetch_add(1, Ordering::SeqCst) + 1;
            counted[1].fetch_max(open, Ordering::SeqCst);
            let counted = counted.clone();
            tokio::spawn(async move {
                // That the client closes first is no failure here.
                let _ = respond(connection, delay).await;
                counted[0].fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    (address, counts)
}

async fn respond(mut connection: TcpStream, delay: Duration) -> std::io::Result<()> {
    let mut head = Vec::new();
    loop {
        head.push(connection.read_u8().await?);
        if head.ends_with(b"\r\n\r\n") {
            sleep(delay).await;
            connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{\"metadata\":[]}").await?;
            head.clear();
        }
    }
}

#[tokio::test]
async fn simultaneous_calls_open_bounded_number_of_connections_and_wait_within_deadlines() {
    let (address, counts) = slow(Duration::from_millis(100)).await;
    let instances = Instances::fixed("metadata", [address]).unwrap();
    let gateway = http::MetadataBackend::new(&instances, Options::default(), trace::Tracer::disabled());
    let page = Request { size: model::page::Size::default(), token: None };
    let deadline = Instant::now() + Duration::from_secs(2);
    let results = join_all((0..2500).map(|_| gateway.search("x", &page, deadline))).await;
    let served = results.iter().filter(|result| result.is_ok()).count();
    let late = results.iter().filter(|result| matches!(result, Err(Error::Late { .. }))).count();
    assert_eq!(served + late, 2500, "{:?}", results.iter().find(|result| result.is_err()));
    assert!(served > 64, "{served}");
    let most = counts[1].load(Ordering::SeqCst);
    // Those in use, idle ones, and those that the pool opened while another became idle.
    assert!(most <= 3 * 64, "{most} connections");
    assert_eq!(instances.statistics().ejections, 0);
}
