//! A running console, its instances, and clients of both of its ports.

use axum::Router;
use bytes::Bytes;
use console::{Config, Faults};
use discovery::{Instance, Registry, memory};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

/// The time limit of every wait.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A console on free ports. It stops when it is dropped.
pub(crate) struct Rig {
    pub(crate) address: SocketAddr,
    pub(crate) otlp: SocketAddr,
    pub(crate) registry: Arc<memory::Registry>,
    client: Client<HttpConnector, Full<Bytes>>,
    _stop: DropGuard,
}

/// Starts a console without faults.
pub(crate) async fn start() -> Rig {
    start_with(None).await
}

/// Starts a console with faults.
pub(crate) async fn start_with(faults: Option<Arc<dyn Faults>>) -> Rig {
    start_as(Config::default(), faults).await
}

/// Starts a console that reads from these brokers.
pub(crate) async fn start_kafka(brokers: &str) -> Rig {
    start_as(Config { kafka: Some(brokers.to_owned()), ..Config::default() }, None).await
}

async fn start_as(config: Config, faults: Option<Arc<dyn Faults>>) -> Rig {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let bound = console::bind(Config { listen: any, otlp_listen: any, ..config }).await.unwrap();
    let (registry, stop) = (memory::Registry::new(), CancellationToken::new());
    let (address, otlp) = (bound.address(), bound.otlp_address());
    tokio::spawn(bound.run(registry.clone(), faults, stop.clone()));
    let client = Client::builder(TokioExecutor::new()).build_http();
    Rig { address, otlp, registry, client, _stop: stop.drop_guard() }
}

impl Rig {
    /// Sends a request with these headers.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response<Bytes> {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.client.request(request.body(Full::from(body.to_owned())).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
    }

    /// Sends a GET and returns the JSON of its response.
    pub(crate) async fn get(&self, path: &str) -> Value {
        json(&self.send(Method::GET, path, &[], "").await)
    }

    /// Returns the token in the page.
    pub(crate) async fn token(&self) -> String {
        let page = self.send(Method::GET, "/", &[], "").await;
        let page = String::from_utf8(page.body().to_vec()).unwrap();
        let (_, rest) = page.split_once("name=\"console-token\" content=\"").unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    }

    /// Sends a POST as the page does.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Response<Bytes> {
        let token = self.token().await;
        let headers = [("x-console-token", token.as_str()), ("content-type", "application/json")];
        self.send(Method::POST, path, &headers, &body.to_string()).await
    }

    /// Repeats a GET until `done` accepts its JSON.
    pub(crate) async fn until(&self, path: &str, done: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let value = self.get(path).await;
            if done(&value) {
                return value;
            }
            assert!(Instant::now() < deadline, "{path}: {value:#}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Exports spans of `service`.
    pub(crate) async fn export(&self, service: &str, spans: Vec<Span>) -> ExportTraceServiceResponse {
        let mut client = TraceServiceClient::connect(format!("http://{}", self.otlp)).await.unwrap();
        client.export(spans_of(service, spans)).await.unwrap().into_inner()
    }

    /// Exports log records of `service`.
    pub(crate) async fn export_logs(&self, service: &str, log_records: Vec<LogRecord>) {
        let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
        let logs = ResourceLogs { resource: Some(resource(service)), scope_logs, schema_url: String::new() };
        let mut client = LogsServiceClient::connect(format!("http://{}", self.otlp)).await.unwrap();
        client.export(ExportLogsServiceRequest { resource_logs: vec![logs] }).await.unwrap();
    }

    /// Serves `router` on a free port and registers it as an instance of `service`.
    pub(crate) async fn instance(&self, service: &str, router: Router) -> Instance {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(axum::serve(listener, router).into_future());
        let instance = Instance {
            service: service.to_owned(),
            id: format!("{service}-127.0.0.1-{port}"),
            host: "127.0.0.1".to_owned(),
            port,
            tags: Vec::new(),
        };
        self.registry.register(&instance).await.unwrap();
        instance
    }
}

/// Returns the JSON of a response.
pub(crate) fn json(response: &Response<Bytes>) -> Value {
    let text = String::from_utf8_lossy(response.body());
    serde_json::from_slice(response.body()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn resource(service: &str) -> Resource {
    Resource { attributes: vec![attribute("service.name", service)], ..Resource::default() }
}

/// Returns an export of spans of `service`.
pub(crate) fn spans_of(service: &str, spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let spans = ResourceSpans { resource: Some(resource(service)), scope_spans, schema_url: String::new() };
    ExportTraceServiceRequest { resource_spans: vec![spans] }
}

/// Returns an attribute with a text.
pub(crate) fn attribute(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Any::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

/// Returns a span that ended just now.
pub(crate) fn span(trace: u128, id: u64, parent: Option<u64>, name: &str) -> Span {
    let now = now();
    Span {
        trace_id: trace.to_be_bytes().to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        parent_span_id: parent.map_or_else(Vec::new, |parent| parent.to_be_bytes().to_vec()),
        name: name.to_owned(),
        kind: 2,
        start_time_unix_nano: now - 5_000_000,
        end_time_unix_nano: now,
        attributes: vec![
            attribute("http.response.status_code", "200"),
            attribute("url.path", "/v1/movies/1"),
        ],
        ..Span::default()
    }
}

/// Returns the current time in nanoseconds since 1970.
pub(crate) fn now() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap()
}
