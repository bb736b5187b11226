//! Log records over OTLP: a layer of `tracing-subscriber` passes events of level info and above to the export of the
//! service that they belong to.
//!
//! A process has one log but may run several services. A record belongs to the service whose task or worker thread logs
//! it ([`Owner`]), otherwise to the one that the first segment of its target names (the crate `rating`), otherwise to
//! the first that exports logs.

use crate::export::Queue;
use crate::request::request_id;
use opentelemetry::InstrumentationScope;
use opentelemetry::logs::LogRecord;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::LogExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogProcessor, SdkLogRecord, SdkLogger, SdkLoggerProvider};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// The targets of what an export itself logs: exported, it would cause the next export.
const OWN: [&str; 6] = ["h2", "hyper", "opentelemetry", "tonic", "tower", "trace::export"];

/// The services of this process that export their log.
static ROUTES: RwLock<Vec<Route>> = RwLock::new(Vec::new());

tokio::task_local! {
    static OWNER: Owner;
}

/// The queue of one service's log records; clones share it.
pub(crate) type Records = Arc<Queue<LogExporter>>;

struct Route {
    service: String,
    records: Records,
}

/// The service that a task or a thread works for.
#[derive(Clone, Debug)]
pub struct Owner {
    service: &'static str,
    records: Option<Records>,
}

impl Owner {
    /// Returns `service`, whose records are enqueued in `records`.
    pub(crate) const fn new(service: &'static str, records: Option<Records>) -> Self {
        Self { service, records }
    }

    /// Returns the service's name.
    #[must_use]
    pub const fn service(&self) -> &'static str {
        self.service
    }

    /// Makes this the owner of what the current task logs while `future` is polled.
    pub fn run<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        OWNER.scope(self, future)
    }

    /// Makes this the owner of what the current thread logs while `call` runs, unless a task has another one.
    pub fn enter<T>(&self, call: impl FnOnce() -> T) -> T {
        OWNER.sync_scope(self.clone(), call)
    }
}

/// Returns the service that the current task or thread works for, if it is known.
#[must_use]
pub fn current_service() -> Option<&'static str> {
    OWNER.try_with(|owner| owner.service).ok()
}

/// Exports the records of `service` from now on.
pub(crate) fn add(service: &str, records: Records) {
    write().push(Route { service: service.to_owned(), records });
}

/// Exports no more of `records`.
pub(crate) fn remove(records: &Records) {
    write().retain(|route| !Arc::ptr_eq(&route.records, records));
}

fn read() -> RwLockReadGuard<'static, Vec<Route>> {
    ROUTES.read().unwrap_or_else(PoisonError::into_inner)
}

fn write() -> RwLockWriteGuard<'static, Vec<Route>> {
    ROUTES.write().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the queue for a record that is logged now. A service that has ended exports nothing.
fn queue(target: &str) -> Option<Records> {
    let owned = OWNER.try_with(|owner| owner.records.clone()).ok().flatten();
    let named = target.split("::").next().unwrap_or_default();
    let routes = read();
    let route = match &owned {
        Some(records) => routes.iter().find(|route| Arc::ptr_eq(&route.records, records)),
        None => routes.iter().find(|route| route.service == named).or(routes.first()),
    };
    route.map(|route| Arc::clone(&route.records))
}

/// Returns the layer that exports events. It does almost nothing until a service of the process exports its log.
#[must_use]
pub fn log_layer<S: Subscriber + for<'a> LookupSpan<'a>>() -> impl Layer<S> {
    let provider = SdkLoggerProvider::builder().with_log_processor(Router);
    let provider = provider.with_resource(Resource::builder_empty().build()).build();
    LogLayer(OpenTelemetryTracingBridge::new(&provider))
}

struct LogLayer(OpenTelemetryTracingBridge<SdkLoggerProvider, SdkLogger>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for LogLayer {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        let is_own = || OWN.iter().any(|own| metadata.target().starts_with(own));
        if *metadata.level() <= Level::INFO && !is_own() && !read().is_empty() {
            self.0.on_event(event, context);
        }
    }
}

/// Enqueues records. The SDK has set the ids of the current span.
#[derive(Debug)]
struct Router;

impl LogProcessor for Router {
    fn emit(&self, record: &mut SdkLogRecord, _: &InstrumentationScope) {
        let Some(records) = queue(record.target().map_or("", |target| target)) else { return };
        let mut record = record.clone();
        if let Some(id) = request_id() {
            record.add_attribute("request_id", id.to_string());
        }
        records.enqueue(record);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}
