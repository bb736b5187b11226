//! An OTLP/gRPC receiver.

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};
use trace::{Config, Tracer};

/// What was received.
#[derive(Clone, Default)]
pub(crate) struct Receiver(Arc<Mutex<Vec<(Resource, Span)>>>);

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for of_resource in request.into_inner().resource_spans {
            let resource = of_resource.resource.unwrap_or_default();
            let spans = of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            self.0.lock().unwrap().extend(spans.map(|span| (resource.clone(), span)));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Receiver {
    /// Starts to receive.
    pub(crate) async fn start(listener: TcpListener) -> (Self, AbortHandle) {
        let receiver = Self::default();
        let server = Server::builder().add_service(TraceServiceServer::new(receiver.clone()));
        let serving = tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        (receiver, serving.abort_handle())
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        self.0.lock().unwrap().iter().map(|(_, span)| span.clone()).collect()
    }

    /// Returns the text attributes of the resource of the first span.
    pub(crate) fn resource(&self) -> Vec<(String, String)> {
        let resource = self.0.lock().unwrap()[0].0.clone();
        let text = |value: opentelemetry_proto::tonic::common::v1::AnyValue| match value.value {
            Some(opentelemetry_proto::tonic::common::v1::any_value::Value::StringValue(text)) => text,
            other => format!("{other:?}"),
        };
        resource.attributes.into_iter().map(|kv| (kv.key, kv.value.map(text).unwrap_or_default())).collect()
    }
}

/// Returns a listener on a free port, and its address.
pub(crate) async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Returns a tracer that samples everything and exports to `endpoint`.
pub(crate) fn tracer(endpoint: SocketAddr) -> Tracer {
    let config = Config {
        endpoint: Some(format!("http://{endpoint}")),
        max_rate: 1000,
        ratio: 1.0,
        ..Config::default()
    };
    Tracer::start(&config, "test")
}
