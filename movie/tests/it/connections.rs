//! When connections to instances open and close: seen by an instance that passes them on to another.

use crate::stack::Stack;
use discovery::Instance;
use std::time::Duration;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Under the 10 s after which a service closes an idle HTTP/1 connection by itself.
const PATIENCE: Duration = Duration::from_secs(5);

/// As many as the movie service has.
const WORKERS: usize = 2;

#[tokio::test]
async fn connections_open_before_any_call_and_close_when_the_instance_leaves() {
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
