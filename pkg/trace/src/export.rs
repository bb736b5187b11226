//! The export of spans and of log records: a bounded queue, and a task that sends its batches over OTLP/gRPC. Nothing
//! waits for it: items that find no room, and those of batches that cannot be delivered, are dropped and counted.

mod signal;

pub(crate) use signal::Signal;

use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The number of items that may wait.
const QUEUE: usize = 2048;

/// The maximum number of items in a batch.
const BATCH: usize = 512;

/// How long an incomplete batch waits for more items.
const INTERVAL: Duration = Duration::from_secs(1);

/// The pauses before a failed batch is sent again; then it is dropped.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(1000)];

/// What was exported of one signal since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Spans or log records that the endpoint has accepted.
    pub exported: u64,
    /// Those that were lost because the queue was full or their batch failed.
    pub dropped: u64,
    /// Batches that could not be sent.
    pub failures: u64,
}

/// The sending half of the queue.
#[derive(Debug)]
pub(crate) struct Queue<S: Signal> {
    sender: mpsc::Sender<S::Item>,
    state: Arc<State>,
}

/// The running export.
#[derive(Debug)]
pub(crate) struct Export {
    state: Arc<State>,
    closing: CancellationToken,
    task: TaskTracker,
}

#[derive(Debug, Default)]
struct State {
    instance: OnceLock<String>,
    exported: AtomicU64,
    dropped: AtomicU64,
    failures: AtomicU64,
    /// Whether the last batch failed.
    failing: AtomicBool,
}

impl<S: Signal> Queue<S> {
    /// Spawns the task that sends the items of `service` to `endpoint`, on the current runtime.
    pub(crate) fn start(endpoint: &str, service: &str) -> (Self, Export) {
        let (sender, items) = mpsc::channel(QUEUE);
        let (state, closing, task) = (Arc::<State>::default(), CancellationToken::new(), TaskTracker::new());
        let sending = Task::<S> {
            signal: PhantomData,
            endpoint: endpoint.to_owned(),
            service: service.to_owned(),
            state: Arc::clone(&state),
            closing: closing.clone(),
        };
        task.spawn(sending.run(items));
        task.close();
        (Self { sender, state: Arc::clone(&state) }, Export { state, closing, task })
    }

    /// Enqueues `item`, or drops it if the queue is full.
    pub(crate) fn enqueue(&self, item: S::Item) {
        if self.sender.try_send(item).is_err() {
            self.state.dropped.fetch_add(1, Relaxed);
        }
    }
}

impl SpanProcessor for Queue<SpanExporter> {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        self.enqueue(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

impl Export {
    pub(crate) fn set_instance(&self, id: &str) {
        _ = self.state.instance.set(id.to_owned());
    }

    pub(crate) fn counts(&self) -> Counts {
        let State { exported, dropped, failures, .. } = &*self.state;
        let [exported, dropped, failures] = [exported, dropped, failures].map(|count| count.load(Relaxed));
        Counts { exported, dropped, failures }
    }

    /// Sends what is queued. Waits at most for `within`, and not at all if the last batch failed.
    pub(crate) async fn shutdown(&self, within: Duration) {
        self.closing.cancel();
        if !self.state.failing.load(Relaxed) {
            _ = timeout(within, self.task.wait()).await;
        }
    }
}

struct Task<S> {
    signal: PhantomData<S>,
    endpoint: String,
    service: String,
    state: Arc<State>,
    closing: CancellationToken,
}

impl<S: Signal> Task<S> {
    async fn run(self, mut items: mpsc::Receiver<S::Item>) {
        let mut exporter: Option<S> = None;
        let mut batch = Vec::new();
        while self.next_batch(&mut items, &mut batch).await {
            if exporter.is_none() {
                exporter = self.exporter();
            }
            self.send(exporter.as_ref(), &batch).await;
            batch.clear();
        }
    }

    /// Fills `batch`. Returns false at the end.
    async fn next_batch(&self, items: &mut mpsc::Receiver<S::Item>, batch: &mut Vec<S::Item>) -> bool {
        tokio::select! {
            _ = items.recv_many(batch, BATCH) => {}
            () = self.closing.cancelled() => items.close(),
        }
        let full = Instant::now() + INTERVAL;
        while batch.len() < BATCH {
            let closed = items.is_closed();
            let room = BATCH - batch.len();
            let received = tokio::select! {
                biased;
                received = timeout_at(full, items.recv_many(batch, room)) => received.unwrap_or(0),
                () = self.closing.cancelled(), if !closed => {
                    // What was sent before is still received.
                    items.close();
                    continue;
                }
            };
            if received == 0 {
                break;
            }
        }
        !batch.is_empty()
    }

    fn exporter(&self) -> Option<S> {
        let instance = self.state.instance.get().map(|id| KeyValue::new("service.instance.id", id.clone()));
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = Resource::builder().with_service_name(self.service.clone());
        let resource = resource.with_attributes(instance.into_iter().chain([version])).build();
        S::connect(&self.endpoint, &resource).inspect_err(|error| self.failed(error)).ok()
    }

    /// Sends `batch`, again after each of [`PAUSES`] if it fails, but only once if the service stops.
    async fn send(&self, exporter: Option<&S>, batch: &[S::Item]) {
        let count = batch.len() as u64;
        let Some(exporter) = exporter else { return self.lost(count) };
        for pause in PAUSES.map(Some).into_iter().chain([None]) {
            match exporter.send(batch).await {
                Ok(()) => return self.delivered(count),
                Err(error) => self.failed(&error),
            }
            let Some(pause) = pause else { break };
            if timeout(pause, self.closing.cancelled()).await.is_ok() {
                break;
            }
        }
        self.lost(count);
    }

    fn delivered(&self, items: u64) {
        self.state.exported.fetch_add(items, Relaxed);
        if self.state.failing.swap(false, Relaxed) {
            let (service, endpoint) = (&self.service, &self.endpoint);
            tracing::info!(service, endpoint, "{} are exported again", S::NAME);
        }
    }

    fn failed(&self, error: &(dyn std::error::Error + 'static)) {
        self.state.failures.fetch_add(1, Relaxed);
        if !self.state.failing.swap(true, Relaxed) {
            let (service, endpoint) = (&self.service, &self.endpoint);
            tracing::warn!(service, endpoint, error, "{} can't be exported", S::NAME);
        }
    }

    fn lost(&self, items: u64) {
        self.state.dropped.fetch_add(items, Relaxed);
    }
}
