//! Peers that do not read responses.

use crate::running::{Running, soon};
use bytes::Bytes;
use futures::future::join_all;
use http::{Request, StatusCode};
use std::sync::atomic::Ordering;
use tokio::net::TcpStream;

#[tokio::test]
async fn peer_that_reads_nothing_keeps_few_responses_in_memory() {
    let running = Running::start().await;
    let stream = TcpStream::connect(running.address).await.unwrap();
    let mut builder = h2::client::Builder::new();
    let (mut client, connection) =
        builder.initial_window_size(0).handshake::<_, Bytes>(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::get("http://localhost/mebibyte").body(()).unwrap();
    let heads: Vec<_> = (0..200).map(|_| client.send_request(request.clone(), true).unwrap().0).collect();
    let heads = tokio::spawn(join_all(heads));
    // Other connections are served, whichever worker they are on.
    for _ in 0..8 {
        let (http1, http2) = (running.client(), running.http2());
        assert_eq!(http1.get("/mebibyte").await.body.len(), 1 << 20);
        assert_eq!(http2.get("/mebibyte").await.body.len(), 1 << 20);
    }
    let heads: Vec<_> = soon(heads).await.unwrap().into_iter().map(Result::unwrap).collect();
    let refused = heads.iter().filter(|head| head.status() == StatusCode::SERVICE_UNAVAILABLE).count();
    assert_eq!(refused, 200 - 4);
    assert_eq!(running.shared.mebibytes.load(Ordering::Relaxed), 4 + 16);
    connection.abort();
    running.stop().await;
}
