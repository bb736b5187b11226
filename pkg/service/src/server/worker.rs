//! The workers: threads, each with its own runtime, that serve the connections assigned to them.

use super::acceptor::Stream;
use super::budget::Budget;
use super::connection::{self, Patience};
use super::dispatch::Dispatch;
use super::error::Error;
use futures::future;
use futures::stream::{FuturesUnordered, StreamExt};
use std::hint::black_box;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, RuntimeMetrics};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use trace::Owner;

/// How often a worker that has had connections returns freed memory.
const GIVE_BACK_INTERVAL: Duration = Duration::from_secs(1);

/// The size of blocks for which mimalloc allocates a separate segment, and of parts of segments in use.
const BLOCKS: [usize; 3] = [32 << 20, 8 << 20, 1 << 20];

/// How often it still does so after its last connection: freed memory is returned some time later.
const LAST_TIMES: u32 = 3;

/// The configuration of each worker's connections.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) budget: Arc<Budget>,
    pub(super) patience: Patience,
    pub(super) drain_timeout: Duration,
}

/// The running workers; each ends when the sender of its connections is dropped and its calls have ended.
pub(super) struct Workers {
    ends: FuturesUnordered<oneshot::Receiver<()>>,
    runtimes: Vec<RuntimeMetrics>,
}

impl Workers {
    /// Starts `count` threads and waits until each has built its dispatch; returns where to send connections.
    pub(super) async fn start(
        owner: Owner,
        count: usize,
        settings: Settings,
        make: impl Fn() -> Dispatch + Send + Sync + 'static,
    ) -> Result<(Self, Vec<UnboundedSender<Stream>>), Error> {
        let service = owner.service();
        let make = Arc::new(make);
        let mut senders = Vec::with_capacity(count);
        let mut starts = Vec::with_capacity(count);
        let mut runtimes = Vec::with_capacity(count);
        let ends = FuturesUnordered::new();
        for index in 0..count {
            let (sender, streams) = unbounded_channel();
            let (started, start) = oneshot::channel();
            let (ended, end) = oneshot::channel();
            let (make, settings, owner) = (Arc::clone(&make), settings.clone(), owner.clone());
            let failed = |source| Error::Worker { service, source };
            let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
            runtimes.push(runtime.metrics());
            let body = move || {
                owner.enter(|| runtime.block_on(work(&*make, streams, settings, started)));
                // A blocking call that hangs must not keep the worker alive.
                runtime.shutdown_background();
                _ = ended.send(());
            };
            thread::Builder::new().name(format!("{service}-{index}")).spawn(body).map_err(failed)?;
            senders.push(sender);
            starts.push(start);
            ends.push(end);
        }
        future::try_join_all(starts).await.map_err(|_| Error::WorkerLost { service })?;
        Ok((Self { ends, runtimes }, senders))
    }

    /// Returns the metrics of the runtimes.
    pub(super) fn runtimes(&self) -> Vec<RuntimeMetrics> {
        self.runtimes.clone()
    }

    /// Returns when a worker has ended without being asked to.
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
    Settings { budget, patience, drain_timeout }: Settings,
    started: oneshot::Sender<()>,
) {
    let dispatch = Arc::new(make());
    let closing = CancellationToken::new();
    let mut connections = JoinSet::new();
    let mut give_back = interval(GIVE_BACK_INTERVAL);
    give_back.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut times = 0;
    _ = started.send(());
    loop {
        tokio::select! {
            stream = streams.recv() => match stream.map(TcpStream::from_std) {
                Some(Ok(stream)) => {
                    times = LAST_TIMES;
                    let (dispatch, budget) = (Arc::clone(&dispatch), Arc::clone(&budget));
                    connections.spawn(connection::serve(stream, dispatch, budget, patience, closing.clone()));
                }
                Some(Err(error)) => tracing::warn!(%error, "can't serve a connection"),
                None => break,
            },
            Some(_) = connections.join_next() => {}
            _ = give_back.tick(), if times > 0 => {
                give_memory_back();
                times = if connections.is_empty() { times - 1 } else { LAST_TIMES };
            }
        }
    }
    closing.cancel();
    let drained = timeout(drain_timeout, async { while connections.join_next().await.is_some() {} }).await;
    if drained.is_err() {
        tracing::warn!(connections = connections.len(), "aborted calls that had not ended in time");
        connections.shutdown().await;
    }
}

/// Makes the allocator return this thread's freed memory to the system.
///
/// mimalloc does so when a thread allocates or frees a whole segment, which an idle thread does not. The
/// blocks are not written, so they use no memory themselves.
fn give_memory_back() {
    for size in BLOCKS {
        drop(black_box(Vec::<u8>::with_capacity(size)));
    }
}
