//! A test's own agent, and an HTTP/1.1 client that exposes responses as they arrive.

use agent::{Config, Dns};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// A running agent, which is stopped at the end of the test.
pub(crate) struct Agent {
    pub(crate) address: SocketAddr,
    stop: Stop,
}

/// Cancels a token when dropped.
struct Stop(CancellationToken);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// A complete response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    /// Returns the value of a header, whose name is in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub(crate) fn index(&self) -> u64 {
        self.header("x-consul-index").unwrap().parse().unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Returns status and text of a refusal.
    pub(crate) fn refusal(&self) -> (u16, &str) {
        assert_eq!(self.header("content-type"), Some("text/plain; charset=utf-8"));
        (self.status, &self.body)
    }

    /// Asserts that a write was accepted.
    #[track_caller]
    pub(crate) fn done(self) {
        assert_eq!((self.status, &*self.body), (200, ""));
    }
}

impl Agent {
    pub(crate) async fn start() -> Self {
        Self::with(Config::default()).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, config)
    }

    pub(crate) fn on(listener: TcpListener, config: Config) -> Self {
        Self::all(listener, None, config)
    }

    pub(crate) async fn with_dns(dns: Dns) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::all(listener, Some(dns), Config::default())
    }

    fn all(listener: TcpListener, dns: Option<Dns>, config: Config) -> Self {
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(agent::serve_with_dns(listener, dns, config, stop.clone()));
        Self { address, stop: Stop(stop) }
    }

    /// Asks the agent to stop, without waiting.
    pub(crate) fn stop(&self) {
        self.stop.0.cancel();
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "", "").await
    }

    pub(crate) async fn put(&self, path: &str, body: &str) -> Answer {
        self.send("PUT", path, "", body).await
    }

    pub(crate) async fn register(&self, body: &str) -> Answer {
        self.put("/v1/agent/service/register", body).await
    }

    /// Returns the ids of the service's passing instances.
    pub(crate) async fn passing(&self, service: &str) -> Vec<String> {
        let answer = self.get(&format!("/v1/health/service/{service}?passing")).await.json();
        let id = |entry: &Value| entry["Service"]["ID"].as_str().unwrap().to_owned();
        answer.as_array().unwrap().iter().map(id).collect()
    }

    /// Returns a check from the agent's own list.
    pub(crate) async fn check(&self, id: &str) -> Value {
        self.get("/v1/agent/checks").await.json()[id].clone()
    }

    pub(crate) async fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let (head, body) = self.send_for_bytes(method, path, headers, body).await;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head, body: String::from_utf8(body).unwrap() }
    }

    /// Returns the head and the raw body of the response.
    pub(crate) async fn send_for_bytes(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> (String, Vec<u8>) {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: agent\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
        );
        let exchange = async {
            let mut connection = TcpStream::connect(self.address).await.unwrap();
            connection.write_all(request.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            connection.read_to_end(&mut answer).await.unwrap();
            answer
        };
        let answer = tokio::time::timeout(Duration::from_secs(30), exchange).await.unwrap();
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
        (String::from_utf8(answer[..end].to_vec()).unwrap(), answer[end + 4..].to_vec())
    }
}
