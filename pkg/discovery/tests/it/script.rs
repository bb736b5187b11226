//! An HTTP server with scripted responses.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

/// The reaction to one request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Responds with a status, an index header if any, and a body.
    Answer(u16, Option<u64>, String),
    /// Sends this and closes the connection, whatever was announced.
    Cut(String),
    /// Sends an endless body, as fast as it is read.
    Endless,
    /// Sends an endless body, one byte at a time.
    Trickle,
    /// Never responds.
    Hang,
    /// Adds header lines to another reply.
    With(&'static str, Box<Reply>),
    /// Sends another reply once a permit is available.
    After(Arc<Semaphore>, Box<Reply>),
}

impl Reply {
    pub(crate) fn answer(status: u16, body: &str) -> Self {
        Self::Answer(status, None, body.to_owned())
    }

    /// Returns a service's instances on this host, by their ports.
    pub(crate) fn set(index: u64, ports: &[u16]) -> Self {
        let service = |port: &u16| {
            format!(
                r#"{{"Node":{{}},"Service":{{"ID":"rating-{port}","Address":"127.0.0.1","Port":{port}}}}}"#
            )
        };
        let services: Vec<String> = ports.iter().map(service).collect();
        Self::Answer(200, Some(index), format!("[{}]", services.join(",")))
    }
}

/// A part of a request's first line, and the replies to such requests.
type Route = (&'static str, VecDeque<Reply>);

/// The server, its requests so far, and the remaining replies; after the last one it hangs.
#[derive(Clone)]
pub(crate) struct Script {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
    replies: Arc<Mutex<VecDeque<Reply>>>,
    /// The replies to requests whose first line contains a text; they take precedence.
    routes: Arc<Mutex<Vec<Route>>>,
    /// The reply once the script is used up.
    last: Arc<Mutex<Reply>>,
    /// The number of bytes of endless bodies that were read.
    taken: Arc<AtomicUsize>,
}

impl Script {
    fn new(url: String, replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies = Arc::new(Mutex::new(replies.into_iter().collect()));
        let last = Arc::new(Mutex::new(Reply::Hang));
        let (requests, routes, taken) = Default::default();
        Self { url, requests, replies, routes, last, taken }
    }

    pub(crate) async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::over(None, replies).await
    }

    /// Starts a server with TLS.
    pub(crate) async fn start_tls(acceptor: TlsAcceptor, replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::over(Some(acceptor), replies).await
    }

    async fn over(tls: Option<TlsAcceptor>, replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let script = Self::new(format!("{scheme}://{}", listener.local_addr().unwrap()), replies);
        let server = script.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (server, tls) = (server.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => server.serve(connection).await,
                        Some(tls) => server.serve(tls.accept(connection).await.ok()?).await,
                    }
                });
            }
        });
        script
    }

    /// Starts a server on a Unix socket.
    pub(crate) fn start_unix(path: &Path, replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let script = Self::new(format!("unix://{}", path.display()), replies);
        let server = script.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let server = server.clone();
                tokio::spawn(async move { server.serve(connection).await });
            }
        });
        script
    }

    /// Sets the reply to every request once the script is used up.
    pub(crate) fn always(&self, reply: Reply) {
        *self.last.lock().unwrap() = reply;
    }

    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// Returns each request as `METHOD target`, then its header lines, then a blank line and its body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Sets the replies, in order, to requests whose first line contains `text`.
    pub(crate) fn on(&self, text: &'static str, replies: impl IntoIterator<Item = Reply>) {
        self.routes.lock().unwrap().push((text, replies.into_iter().collect()));
    }

    fn next_reply(&self, request: &str) -> Reply {
        let line = request.lines().next().unwrap_or_default();
        let mut routes = self.routes.lock().unwrap();
        let mut routed = routes.iter_mut().filter(|(text, _)| line.contains(text));
        let reply = routed.find_map(|(_, replies)| replies.pop_front());
        let reply = reply.or_else(|| self.replies.lock().unwrap().pop_front());
        reply.unwrap_or_else(|| self.last.lock().unwrap().clone())
    }

    pub(crate) fn then(&self, reply: Reply) {
        self.replies.lock().unwrap().push_back(reply);
    }

    async fn serve(&self, mut connection: impl AsyncRead + AsyncWrite + Unpin) -> Option<()> {
        loop {
            let request = read(&mut connection).await?;
            let (mut reply, mut lines) = (self.next_reply(&request), "");
            self.requests.lock().unwrap().push(request);
            loop {
                reply = match reply {
                    Reply::With(more, inner) => {
                        lines = more;
                        *inner
                    }
                    Reply::After(permits, inner) => {
                        permits.acquire().await.ok()?.forget();
                        *inner
                    }
                    reply => break self.send(&mut connection, reply, lines).await?,
                }
            }
        }
    }

    async fn send(
        &self,
        connection: &mut (impl AsyncWrite + Unpin),
        reply: Reply,
        lines: &str,
    ) -> Option<()> {
        match reply {
            Reply::Answer(status, index, body) => {
                let index = index.map(|index| format!("X-Consul-Index: {index}\r\n")).unwrap_or_default();
                let length = body.len();
                let head = format!("HTTP/1.1 {status} X\r\n{index}{lines}Content-Length: {length}\r\n\r\n");
                connection.write_all((head + &body).as_bytes()).await.ok()?;
                Some(())
            }
            Reply::Cut(text) => {
                connection.write_all(text.as_bytes()).await.ok()?;
                None
            }
            Reply::Endless | Reply::Trickle => {
                let head = "HTTP/1.1 200 OK\r\nX-Consul-Index: 5\r\nConnection: close\r\n\r\n[";
                connection.write_all(head.as_bytes()).await.ok()?;
                let slow = matches!(reply, Reply::Trickle);
                let blanks = vec![b' '; if slow { 1 } else { 1 << 20 }];
                loop {
                    connection.write_all(&blanks).await.ok()?;
                    self.taken.fetch_add(blanks.len(), Ordering::Relaxed);
                    if slow {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                }
            }
            Reply::Hang | Reply::With(..) | Reply::After(..) => {
                tokio::time::sleep(Duration::from_secs(600)).await;
                None
            }
        }
    }
}

async fn read(connection: &mut (impl AsyncRead + Unpin)) -> Option<String> {
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
