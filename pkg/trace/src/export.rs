//! The export of spans: a bounded queue, and a task that sends its batches over OTLP/gRPC. Nothing waits for it: spans
//! that find no room, and those of batches that cannot be delivered, are dropped and counted.

use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{RetryPolicy, SpanExporter, WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanExporter as _, SpanProcessor};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The number of spans that may wait.
const QUEUE: usize = 2048;

/// The maximum number of spans in a batch.
const BATCH: usize = 512;

/// How long an incomplete batch waits for more spans.
const INTERVAL: Duration = Duration::from_secs(1);

/// The pauses before a failed batch is sent again; then it is dropped.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(1000)];

/// What was exported since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Spans that the endpoint has accepted.
    pub exported: u64,
    /// Spans that were lost because the queue was full or their batch failed.
    pub dropped: u64,
    /// Batches that could not be sent.
    pub failures: u64,
}

/// The sending half of the queue, which is told of every span that ends.
#[derive(Debug)]
pub(crate) struct Queue {
    sender: mpsc::Sender<SpanData>,
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

impl Queue {
    /// Spawns the task that sends the spans of `service` to `endpoint`, on the current runtime.
    pub(crate) fn start(endpoint: &str, service: &str) -> (Self, Export) {
        let (sender, spans) = mpsc::channel(QUEUE);
        let (state, closing, task) = (Arc::<State>::default(), CancellationToken::new(), TaskTracker::new());
        let sending = Task {
            endpoint: endpoint.to_owned(),
            service: service.to_owned(),
            state: Arc::clone(&state),
            closing: closing.clone(),
        };
        task.spawn(sending.run(spans));
        task.close();
        (Self { sender, state: Arc::clone(&state) }, Export { state, closing, task })
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if self.sender.try_send(span).is_err() {
            self.state.dropped.fetch_add(1, Relaxed);
        }
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

struct Task {
    endpoint: String,
    service: String,
    state: Arc<State>,
    closing: CancellationToken,
}

impl Task {
    async fn run(self, mut spans: mpsc::Receiver<SpanData>) {
        let mut exporter: Option<SpanExporter> = None;
        let mut batch = Vec::new();
        while self.next_batch(&mut spans, &mut batch).await {
            if exporter.is_none() {
                exporter = self.exporter();
            }
            self.send(exporter.as_ref(), std::mem::take(&mut batch)).await;
        }
    }

    /// Fills `batch`. Returns false at the end.
    async fn next_batch(&self, spans: &mut mpsc::Receiver<SpanData>, batch: &mut Vec<SpanData>) -> bool {
        tokio::select! {
            _ = spans.recv_many(batch, BATCH) => {}
            () = self.closing.cancelled() => spans.close(),
        }
        let full = Instant::now() + INTERVAL;
        while batch.len() < BATCH {
            let closed = spans.is_closed();
            let room = BATCH - batch.len();
            let received = tokio::select! {
                biased;
                received = timeout_at(full, spans.recv_many(batch, room)) => received.unwrap_or(0),
                () = self.closing.cancelled(), if !closed => {
                    // What was sent before is still received.
                    spans.close();
                    continue;
                }
            };
            if received == 0 {
                break;
            }
        }
        !batch.is_empty()
    }

    fn exporter(&self) -> Option<SpanExporter> {
        let exporter = SpanExporter::builder().with_tonic().with_endpoint(&self.endpoint);
        let exporter = exporter.with_retry_policy(RetryPolicy::disabled()).build();
        let mut exporter = exporter.inspect_err(|error| self.failed(error)).ok()?;
        let instance = self.state.instance.get().map(|id| KeyValue::new("service.instance.id", id.clone()));
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = Resource::builder().with_service_name(self.service.clone());
        exporter.set_resource(&resource.with_attributes(instance.into_iter().chain([version])).build());
        Some(exporter)
    }

    /// Sends `batch`, again after each of [`PAUSES`] if it fails, but only once if the service stops.
    async fn send(&self, exporter: Option<&SpanExporter>, batch: Vec<SpanData>) {
        let count = batch.len() as u64;
        let Some(exporter) = exporter else { return self.lost(count) };
        for pause in PAUSES {
            match exporter.export(batch.clone()).await {
                Ok(()) => return self.delivered(count),
                Err(error) => self.failed(&error),
            }
            let pause = timeout(pause, self.closing.cancelled());
            if pause.await.is_ok() {
                return self.lost(count);
            }
        }
        match exporter.export(batch).await {
            Ok(()) => self.delivered(count),
            Err(error) => {
                self.failed(&error);
                self.lost(count);
            }
        }
    }

    fn delivered(&self, spans: u64) {
        self.state.exported.fetch_add(spans, Relaxed);
        if self.state.failing.swap(false, Relaxed) {
            tracing::info!(service = self.service, endpoint = self.endpoint, "traces are exported again");
        }
    }

    fn failed(&self, error: &(dyn std::error::Error + 'static)) {
        self.state.failures.fetch_add(1, Relaxed);
        if !self.state.failing.swap(true, Relaxed) {
            tracing::warn!(
                service = self.service,
                endpoint = self.endpoint,
                error,
                "traces can't be exported"
            );
        }
    }

    fn lost(&self, spans: u64) {
        self.state.dropped.fetch_add(spans, Relaxed);
    }
}
