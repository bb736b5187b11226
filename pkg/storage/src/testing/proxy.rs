//! A TCP proxy in front of a server, which can simulate a network that silently drops packets.

use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use std::io;
use std::net::SocketAddr;
use tokio::io::{copy_bidirectional, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Forwards connections to a PostgreSQL server, until it drops all packets. Stops when dropped.
#[derive(Debug)]
pub struct Proxy {
    options: PgConnectOptions,
    swallows: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port for connections to `server`.
    ///
    /// # Errors
    ///
    /// If it can't listen.
    pub async fn start(server: &PgConnectOptions) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let options = server.clone().host("127.0.0.1").port(listener.local_addr()?.port());
        let (swallows, watched) = watch::channel(false);
        let server = format!("{}:{}", server.get_host(), server.get_port());
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(forward(client, server.clone(), watched.clone()));
            }
        });
        Ok(Self { options, swallows, task })
    }

    /// Returns the connect options through the proxy.
    #[must_use]
    pub fn options(&self) -> PgConnectOptions {
        self.options.clone()
    }

    /// Returns the URL through the proxy.
    #[must_use]
    pub fn url(&self) -> String {
        self.options.to_url_lossy().to_string()
    }

    /// Drops everything that either side sends from now on. Neither side sees the connection end.
    pub fn swallow(&self) {
        self.swallows.send_replace(true);
    }

    /// Forwards new connections again. Existing ones stay silent.
    pub fn heal(&self) {
        self.swallows.send_replace(false);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(
    mut client: TcpStream,
    server: String,
    mut swallows: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut forwarded = None;
    if !*swallows.borrow_and_update() {
        let mut stream = TcpStream::connect(server).await?;
        tokio::select! {
            ended = copy_bidirectional(&mut client, &mut stream) => return ended.map(|_| ()),
            _ = swallows.changed() => {}
        }
        forwarded = Some(stream);
    }
    let _ = tokio::io::copy(&mut client, &mut sink()).await;
    // The server is not notified that the client is gone.
    std::future::pending::<()>().await;
    drop(forwarded);
    Ok(())
}

/// A server that accepts connections and never responds. Stops when dropped.
#[derive(Debug)]
pub struct Silent {
    address: SocketAddr,
    accepted: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl Silent {
    /// Listens on a free port.
    ///
    /// # Errors
    ///
    /// If it can't listen.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (accepting, accepted) = watch::channel(0);
        let task = tokio::spawn(async move {
            let mut connections = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.push(stream);
                accepting.send_replace(connections.len());
            }
        });
        Ok(Self { address, accepted, task })
    }

    /// Returns its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://nobody@{}/none", self.address)
    }

    /// Waits until it has accepted a connection.
    pub async fn accepted(&self) {
        let _ = self.accepted.clone().wait_for(|accepted| *accepted > 0).await;
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        self.task.abort();
    }
}
