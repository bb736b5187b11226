//! The outbox, checked against what a peer reads.

use super::*;
use futures::FutureExt;
use std::future::poll_fn;
use std::io::{IoSlice, Read};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    (near.unwrap(), far.unwrap().0)
}

async fn send(outbox: &Outbox) -> io::Result<()> {
    poll_fn(|context| outbox.poll_send(context)).await
}

#[tokio::test]
async fn buffered_writes_arrive_together() {
    let (near, far) = pair().await;
    // On the loopback, sent bytes are readable immediately, and bytes that are not readable were not sent.
    let mut far = far.into_std().unwrap();
    let (mut gathered, outbox) = gather(near);
    let several = [IoSlice::new(b"HEA"), IoSlice::new(b""), IoSlice::new(b"DERS")];
    assert_eq!(gathered.write_vectored(&several).await.unwrap(), 7);
    gathered.write_all(b" DATA").await.unwrap();
    gathered.flush().await.unwrap();
    let mut read = [0; 64];
    assert_eq!(far.read(&mut read).unwrap_err().kind(), io::ErrorKind::WouldBlock);

    send(&outbox).await.unwrap();
    assert_eq!(far.read(&mut read).unwrap(), 12);
    assert_eq!(&read[..12], b"HEADERS DATA");
}

#[tokio::test]
async fn peer_that_reads_nothing_blocks_writer_and_loses_nothing() {
    let (near, mut far) = pair().await;
    let (mut gathered, outbox) = gather(near);
    let chunk: Vec<u8> = (0..=250).cycle().take(10_007).collect();
    let mut written = Vec::new();
    while poll_fn(|context| outbox.poll_send(context)).now_or_never().is_some() {
        let before = written.len();
        while let Some(some) = gathered.write(&chunk).now_or_never() {
            written.extend_from_slice(&chunk[..some.unwrap()]);
            assert!(outbox.lock().bytes.len() <= FULL);
        }
        assert!(written.len() - before <= (BURST + 1) * FULL, "one turn wrote {}", written.len() - before);
    }

    let mut read = vec![0; written.len()];
    let (sent, all) = tokio::join!(send(&outbox), far.read_exact(&mut read));
    sent.unwrap();
    all.unwrap();
    assert!(read == written);
    assert!(outbox.lock().bytes.capacity() <= KEPT);
}

#[tokio::test]
async fn shutdown_sends_buffered_writes() {
    let (near, mut far) = pair().await;
    let (mut gathered, _outbox) = gather(near);
    gathered.write_all(b"GOAWAY").await.unwrap();
    gathered.shutdown().await.unwrap();
    let mut read = Vec::new();
    far.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, b"GOAWAY");
}

#[tokio::test]
async fn broken_connection_is_reported_on_send() {
    let (near, far) = pair().await;
    let (mut gathered, outbox) = gather(near);
    far.set_zero_linger().unwrap();
    drop(far);
    // The peer's reset arrives eventually; bytes sent before are lost, as without an outbox.
    let error = loop {
        gathered.write_all(b"answer").await.unwrap();
        if let Err(error) = send(&outbox).await {
            break error;
        }
    };
    assert!(matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset), "{error}");
}
