//! Memory of idle workers, with the allocator of the services, which needs a separate program.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

use axum::routing::get;
use discovery::{Registry, memory};
use futures::StreamExt;
use service::{Config, Metrics, Ready, Routes, Server};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MEBIBYTE: usize = 1 << 20;

/// Returns the resident memory of this process, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[tokio::test]
async fn memory_of_responses_is_returned_when_workers_become_idle() {
    let (registry, stop) = (memory::Registry::new(), CancellationToken::new());
    let running = tokio::spawn({
        let (registry, stop) = (registry.clone(), stop.clone());
        let large = get(async || vec![b'x'; 8 * MEBIBYTE]);
        let server = Server {
            name: "small",
            grpc_services: &[],
            descriptors: &[],
            openapi: utoipa::openapi::OpenApi::default(),
            metrics: Metrics::new(),
            tracer: trace::Tracer::disabled(),
            ready: Ready::always(),
            routes: Box::new(move || Routes {
                rest: axum::Router::new().route("/large", large.clone()),
                grpc: Default::default(),
            }),
        };
        async move { server.run(&Config::for_tests(), Some(registry), stop).await }
    });
    let mut sets = registry.watch("small").filter(|set| std::future::ready(!set.is_empty()));
    let address = sets.next().await.unwrap()[0].authority();
    let before = resident();

    let mut streams = Vec::new();
    for _ in 0..16 {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        // The response exists, and most of it waits for this peer.
        stream.read_u8().await.unwrap();
        streams.push(stream);
    }
    let held = resident() - before;
    assert!(held > 64 * MEBIBYTE, "{held}");
    drop(streams);
    let deadline = Instant::now() + Duration::from_secs(15);
    // Each worker may keep the rest of one segment, 32 MiB at most.
    while resident() > before + held / 2 {
        assert!(Instant::now() < deadline, "{} of {held} bytes are still held", resident() - before);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.cancel();
    running.await.unwrap().unwrap();
}
