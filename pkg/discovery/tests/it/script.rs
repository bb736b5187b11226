//! An HTTP server that takes its answers from the test, in order.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with one request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Answers with a status line's number, an index header if any, and a body.
    Answer(u16, Option<u64>, String),
    /// Sends this and closes the connection, whatever was promised.
    Cut(String),
    /// Sends a body without an end.
    Endless,
    /// Never answers.
    Hang,
}

/// The server, its requests so far, and the replies still to be given; after the last one it hangs.
#[derive(Clone)]
pub(crate) struct Script {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
    replies: Arc<Mutex<VecDeque<Reply>>>,
}

impl Script {
    pub(crate) async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let script = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            requests: Arc::default(),
            replies: Arc::new(Mutex::new(replies.into_iter().collect())),
        };
        let server = script.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let server = server.clone();
                tokio::spawn(async move { server.serve(connection).await });
            }
        });
        script
    }

    /// Each request as `METHOD target`, then its header lines, then a blank line and its body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn then(&self, reply: Reply) {
        self.replies.lock().unwrap().push_back(reply);
    }

    async fn serve(&self, mut connection: TcpStream) -> Option<()> {
        loop {
            let request = read(&mut connection).await?;
            self.requests.lock().unwrap().push(request);
            let reply = self.replies.lock().unwrap().pop_front().unwrap_or(Reply::Hang);
            match reply {
                Reply::Answer(status, index, body) => {
                    let index = index.map(|index| format!("X-Consul-Index: {index}\r\n")).unwrap_or_default();
                    let length = body.len();
                    let text =
                        format!("HTTP/1.1 {status} X\r\n{index}Content-Length: {length}\r\n\r\n{body}");
                    connection.write_all(text.as_bytes()).await.ok()?;
                }
                Reply::Cut(text) => {
                    connection.write_all(text.as_bytes()).await.ok()?;
                    return None;
                }
                Reply::Endless => {
                    let head = "HTTP/1.1 200 OK\r\nX-Consul-Index: 5\r\nConnection: close\r\n\r\n[";
                    connection.write_all(head.as_bytes()).await.ok()?;
                    let blanks = vec![b' '; 1 << 20];
                    while connection.write_all(&blanks).await.is_ok() {}
                    return None;
                }
                Reply::Hang => tokio::time::sleep(Duration::from_secs(600)).await,
            }
        }
    }
}

async fn read(connection: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let seen = String::from_utf8_lossy(&text).into_owned();
        if let Some((head, body)) = seen.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some(seen);
            }
        }
        match connection.read(&mut buffer).await.ok()? {
            0 => return None,
            n => text.extend_from_slice(&buffer[..n]),
        }
    }
}
