//! Log records at the receiver, and the service that each belongs to.

use http::{HeaderMap, HeaderValue};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, SeverityNumber};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};
use trace::testing::listener;
use trace::{Config, Counts, REQUEST_ID, RequestScope, SpanKind, Tracer};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt;

const WITHIN: Duration = Duration::from_secs(5);

/// A record, with the text attributes of its resource and the name of its scope.
type Received = (Vec<(String, String)>, String, LogRecord);

#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Vec<Received>>>);

#[tonic::async_trait]
impl LogsService for Receiver {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        for of_resource in request.into_inner().resource_logs {
            let resource = attributes(&of_resource.resource.unwrap_or_default().attributes);
            for scope in of_resource.scope_logs {
                let name = scope.scope.unwrap_or_default().name;
                let records = scope.log_records.into_iter();
                self.0.lock().unwrap().extend(records.map(|record| (resource.clone(), name.clone(), record)));
            }
        }
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

impl Receiver {
    async fn start() -> (Self, SocketAddr) {
        let (listener, address) = listener().await.unwrap();
        let receiver = Self::default();
        receiver.serve(listener);
        (receiver, address)
    }

    fn serve(&self, listener: TcpListener) {
        let server = Server::builder().add_service(LogsServiceServer::new(self.clone()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    }

    /// Returns the service and the text of each record.
    fn texts(&self) -> Vec<(String, String)> {
        let service = |resource: &[(String, String)]| {
            resource.iter().find(|(key, _)| key == "service.name").unwrap().1.clone()
        };
        let received = self.0.lock().unwrap();
        received.iter().map(|(resource, _, record)| (service(resource), text(record.body.as_ref()))).collect()
    }
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        other => format!("{other:?}"),
    }
}

fn attributes(attributes: &[KeyValue]) -> Vec<(String, String)> {
    attributes.iter().map(|kv| (kv.key.clone(), text(kv.value.as_ref()))).collect()
}

fn tracer(service: &str, endpoint: SocketAddr) -> Tracer {
    let endpoint = Some(format!("http://{endpoint}"));
    Tracer::start(&Config { endpoint, ratio: 1.0, ..Config::default() }, service)
}

/// Makes the export the log of this thread.
fn log() -> DefaultGuard {
    tracing::subscriber::set_default(tracing_subscriber::registry().with(trace::log_layer()))
}

#[tokio::test]
async fn record_arrives_with_its_attributes_and_ids() {
    let (receiver, address) = Receiver::start().await;
    let tracer = tracer("logging", address);
    tracer.set_instance("logging-127.0.0.1-1");
    let span = tracer.enter("request", SpanKind::Server, None);
    let (trace_id, span_id) = span.enter(trace::current_ids).unwrap();
    let headers = HeaderMap::from_iter([(REQUEST_ID.clone(), HeaderValue::from_static("a-1"))]);
    let _log = log();
    tracer.owner("logging").enter(|| {
        let event = || tracing::warn!(target: "logging::x", size = 3, place = "here", "hello {}", "you");
        RequestScope::new(&headers, None).enter(|| span.enter(event));
        tracing::info!(target: "logging::x", "outside");
    });
    tracer.shutdown(WITHIN).await;

    let received = receiver.0.lock().unwrap().clone();
    let [(resource, scope, record), (_, _, outside)] = &received[..] else { panic!("{received:?}") };
    for (key, value) in [("service.name", "logging"), ("service.instance.id", "logging-127.0.0.1-1")] {
        assert!(resource.contains(&(key.to_owned(), value.to_owned())), "{resource:?}");
    }
    assert_eq!((scope.as_str(), text(record.body.as_ref()).as_str()), ("logging::x", "hello you"));
    assert_eq!((record.severity_number(), record.severity_text.as_str()), (SeverityNumber::Warn, "WARN"));
    assert_eq!(record.trace_id, trace_id.to_be_bytes());
    assert_eq!(record.span_id, span_id.to_be_bytes());
    let found = attributes(&record.attributes);
    for (key, value) in [("place", "here"), ("request_id", "a-1"), ("size", "Some(IntValue(3))")] {
        assert!(found.contains(&(key.to_owned(), value.to_owned())), "{found:?}");
    }
    assert!(outside.trace_id.is_empty() && outside.attributes.is_empty(), "{outside:?}");
    assert_eq!(outside.severity_number(), SeverityNumber::Info);
    assert_eq!(tracer.log_counts(), Counts { exported: 2, dropped: 0, failures: 0 });
}

#[tokio::test]
async fn record_belongs_to_owner_or_crate() {
    let (receiver, address) = Receiver::start().await;
    let [metadata, rating] = ["metadata", "rating"].map(|service| tracer(service, address));
    let _log = log();
    tracing::info!(target: "rating::writer", "of the crate");
    let owner = metadata.owner("metadata");
    owner.enter(|| tracing::info!(target: "rating::writer", "of the thread"));
    owner.run(async { tracing::info!(target: "storage", "of the task") }).await;
    metadata.shutdown(WITHIN).await;
    // A service that has ended exports nothing.
    metadata.owner("metadata").enter(|| tracing::info!(target: "rating", "too late"));
    rating.shutdown(WITHIN).await;
    let mut texts = receiver.texts();
    texts.sort();
    let expected = [("metadata", "of the task"), ("metadata", "of the thread"), ("rating", "of the crate")];
    assert_eq!(texts, expected.map(|(service, text)| (service.to_owned(), text.to_owned())));
}

#[tokio::test]
async fn details_and_the_exports_own_events_are_not_exported() {
    let (receiver, address) = Receiver::start().await;
    let tracer = tracer("quiet", address);
    let _log = log();
    tracer.owner("quiet").enter(|| {
        tracing::debug!("a detail");
        tracing::error!(target: "h2::proto", "of the transport");
        tracing::warn!(target: "trace::export", "of the export");
        tracing::error!("the only one");
    });
    tracer.shutdown(WITHIN).await;
    assert_eq!(receiver.texts(), [("quiet".to_owned(), "the only one".to_owned())]);
}

#[tokio::test]
async fn full_queue_drops_records_and_does_not_block() {
    let (_listener, address) = listener().await.unwrap();
    let tracer = tracer("full", address);
    let _log = log();
    let began = Instant::now();
    tracer.owner("full").enter(|| (0..3000).for_each(|n| tracing::info!(n, "one of many")));
    assert!(began.elapsed() < WITHIN, "{:?}", began.elapsed());
    // The export task has not run since.
    assert_eq!(tracer.log_counts().dropped, 3000 - 2048);
    let began = Instant::now();
    tracer.shutdown(Duration::from_millis(300)).await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn records_for_endpoint_that_is_down_are_dropped_and_counted() {
    let (first, address) = listener().await.unwrap();
    drop(first);
    let tracer = tracer("down", address);
    let owner = tracer.owner("down");
    let _log = log();
    owner.enter(|| tracing::info!("lost"));
    while tracer.log_counts().dropped == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let receiver = Receiver::default();
    receiver.serve(TcpListener::bind(address).await.unwrap());
    owner.enter(|| tracing::info!("delivered"));
    while receiver.texts().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(receiver.texts(), [("down".to_owned(), "delivered".to_owned())]);
    assert_eq!(tracer.log_counts().dropped, 1);
}
