//! The workers: threads, each with a runtime of its own that serves the connections dealt to it.

use super::Error;
use super::acceptor::Stream;
use super::connection;
use super::dispatch::Dispatch;
use futures::future;
use futures::stream::{FuturesUnordered, StreamExt};
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// The running workers; each ends when the sender of its connections is dropped and its calls have ended.
pub(super) struct Workers {
    ends: FuturesUnordered<oneshot::Receiver<()>>,
}

impl Workers {
    /// Starts `count` threads and waits until each has made its dispatch; returns where to send connections.
    pub(super) async fn start(
        service: &'static str,
        count: usize,
        drain_timeout: Duration,
        make: impl Fn() -> Dispatch + Send + Sync + 'static,
    ) -> Result<(Self, Vec<UnboundedSender<Stream>>), Error> {
        let make = Arc::new(make);
        let mut senders = Vec::with_capacity(count);
        let mut starts = Vec::with_capacity(count);
        let ends = FuturesUnordered::new();
        for index in 0..count {
            let (sender, streams) = unbounded_channel();
            let (started, start) = oneshot::channel();
            let (ended, end) = oneshot::channel();
            let make = Arc::clone(&make);
            let failed = |source| Error::Worker { service, source };
            let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
            let body = move || {
                runtime.block_on(work(&*make, streams, drain_timeout, started));
                // A blocking call that hangs must not keep the worker.
                runtime.shutdown_background();
                _ = ended.send(());
            };
            thread::Builder::new().name(format!("{service}-{index}")).spawn(body).map_err(failed)?;
            senders.push(sender);
            starts.push(start);
            ends.push(end);
        }
        future::try_join_all(starts).await.map_err(|_| Error::WorkerLost { service })?;
        Ok((Self { ends }, senders))
    }

    /// Returns when a worker has ended though nobody asked it to.
    pub(super) async fn lost(&mut self) {
        self.ends.next().await;
    }

    /// Waits for all of them.
    pub(super) async fn join(mut self) {
        while self.ends.next().await.is_some() {}
    }
}

async fn work(
    make: &(impl Fn() -> Dispatch + ?Sized),
    mut streams: UnboundedReceiver<Stream>,
    drain_timeout: Duration,
    started: oneshot::Sender<()>,
) {
    let dispatch = Arc::new(make());
    let closing = CancellationToken::new();
    let mut connections = JoinSet::new();
    _ = started.send(());
    loop {
        tokio::select! {
            stream = streams.recv() => match stream.map(TcpStream::from_std) {
                Some(Ok(stream)) => {
                    connections.spawn(connection::serve(stream, Arc::clone(&dispatch), closing.clone()));
                }
                Some(Err(error)) => tracing::warn!(%error, "can't serve a connection"),
                None => break,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    closing.cancel();
    let drained = timeout(drain_timeout, async { while connections.join_next().await.is_some() {} }).await;
    if drained.is_err() {
        tracing::warn!(connections = connections.len(), "cut calls that had not ended in time");
        connections.shutdown().await;
    }
}
