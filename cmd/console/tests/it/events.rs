//! The stream of events, also to pages that do not read.

use crate::rig::{PATIENCE, Rig, now, start};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn open(rig: &Rig) -> TcpStream {
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    let head = format!("GET /api/events HTTP/1.1\r\nhost: {}\r\n\r\n", rig.address);
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// Reads until `text` has arrived, and returns everything read.
async fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut all = Vec::new();
    let reading = async {
        while !String::from_utf8_lossy(&all).contains(text) {
            let mut chunk = [0; 64 * 1024];
            let length = stream.read(&mut chunk).await.unwrap();
            assert!(length > 0, "the stream ended: {}", String::from_utf8_lossy(&all));
            all.extend_from_slice(&chunk[..length]);
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.unwrap();
    String::from_utf8_lossy(&all).into_owned()
}

fn records(count: usize) -> Vec<LogRecord> {
    let record = LogRecord { time_unix_nano: now(), severity_number: 9, ..LogRecord::default() };
    vec![record; count]
}

#[tokio::test]
async fn page_gets_the_state_every_second_and_new_log_records() {
    let rig = start().await;
    let mut stream = open(&rig).await;
    let first = read_until(&mut stream, "event: ingestion").await;
    for part in ["text/event-stream", "retry: 1000", "event: system", "event: traces", "no-store"] {
        assert!(first.contains(part), "{part}: {first}");
    }
    rig.export_logs("movie", records(500)).await;
    let next = read_until(&mut stream, "event: logs").await;
    assert!(next.contains("event: system"));
    let logs = if next.contains("\"skipped\":300") {
        next
    } else {
        next + &read_until(&mut stream, "\"skipped\":300").await
    };
    assert_eq!(logs.matches("\"message\":").count(), 200);
}

#[tokio::test]
async fn page_that_does_not_read_misses_events_and_then_gets_the_latest() {
    let rig = start().await;
    let mut slow = open(&rig).await;
    read_until(&mut slow, "event: ingestion").await;
    for _ in 0..5 {
        rig.export_logs("movie", records(1_000)).await;
    }
    // Others are not affected.
    let mut other = open(&rig).await;
    read_until(&mut other, "event: system").await;
    let next = read_until(&mut slow, "event: logs").await;
    assert!(next.contains("event: system"));
}

#[tokio::test]
async fn number_of_open_pages_is_bounded_and_pages_that_leave_make_room() {
    let rig = start().await;
    let mut pages = Vec::new();
    for _ in 0..64 {
        let mut page = open(&rig).await;
        read_until(&mut page, "event: system").await;
        pages.push(page);
    }
    let mut refused = open(&rig).await;
    assert!(read_until(&mut refused, "\r\n\r\n").await.starts_with("HTTP/1.1 503"));
    drop(pages);
    let room = async {
        loop {
            let mut page = open(&rig).await;
            if read_until(&mut page, "\r\n\r\n").await.starts_with("HTTP/1.1 200") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, room).await.unwrap();
}
