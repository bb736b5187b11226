//! An OTLP/gRPC receiver for tests, and what they ask about the spans that it received.

use crate::{Config, Tracer};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

pub use opentelemetry_proto::tonic::trace::v1::span::SpanKind as ReceivedKind;

/// The time between two looks at what was received.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The spans received so far; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Receiver(Arc<Mutex<Vec<ReceivedSpan>>>);

/// A span with the resource that it is about.
#[derive(Clone, Debug)]
pub struct ReceivedSpan {
    /// The attributes of the service.
    resource: Arc<Vec<KeyValue>>,
    span: Span,
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for of_resource in request.into_inner().resource_spans {
            let resource = Arc::new(of_resource.resource.unwrap_or_default().attributes);
            let spans = of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            self.lock().extend(spans.map(|span| ReceivedSpan { resource: Arc::clone(&resource), span }));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Receiver {
    /// Receives spans on `listener` until the task of the handle is aborted or the runtime ends.
    #[must_use]
    pub fn start(listener: TcpListener) -> (Self, AbortHandle) {
        let receiver = Self::default();
        let server = Server::builder().add_service(TraceServiceServer::new(receiver.clone()));
        let serving = tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        (receiver, serving.abort_handle())
    }

    /// Returns the spans in the order of their arrival.
    #[must_use]
    pub fn spans(&self) -> Vec<ReceivedSpan> {
        self.lock().clone()
    }

    /// Returns the spans once `find` returns a value, with that value.
    ///
    /// # Errors
    ///
    /// The spans, as text, if `find` returns nothing `within` this time.
    pub async fn wait<T>(
        &self,
        within: Duration,
        mut find: impl FnMut(&[ReceivedSpan]) -> Option<T>,
    ) -> Result<T, String> {
        let deadline = Instant::now() + within;
        loop {
            let spans = self.spans();
            if let Some(found) = find(&spans) {
                return Ok(found);
            }
            if Instant::now() >= deadline {
                return Err(format!("{spans:#?}"));
            }
            sleep(LOOK_EVERY).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<ReceivedSpan>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReceivedSpan {
    /// Returns the name of the service that the span comes from.
    #[must_use]
    pub fn service(&self) -> String {
        self.resource("service.name").unwrap_or_default()
    }

    /// Returns an attribute of the service, as text.
    #[must_use]
    pub fn resource(&self, key: &str) -> Option<String> {
        text(&self.resource, key)
    }

    /// Returns an attribute, as text.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<String> {
        text(&self.span.attributes, key)
    }

    /// Returns whether `parent` is the parent of this span.
    #[must_use]
    pub fn is_child_of(&self, parent: &Self) -> bool {
        self.span.trace_id == parent.span.trace_id && self.span.parent_span_id == parent.span.span_id
    }

    /// Returns whether this span has a link to `other`.
    #[must_use]
    pub fn is_linked_to(&self, other: &Self) -> bool {
        let is_other =
            |(trace_id, span_id)| (trace_id, span_id) == (&other.span.trace_id, &other.span.span_id);
        self.span.links.iter().any(|link| is_other((&link.trace_id, &link.span_id)))
    }

    /// Returns whether the operation failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error)
    }

    /// Returns the names of the span's events.
    #[must_use]
    pub fn event_names(&self) -> Vec<&str> {
        self.span.events.iter().map(|event| event.name.as_str()).collect()
    }
}

impl Deref for ReceivedSpan {
    type Target = Span;

    fn deref(&self) -> &Span {
        &self.span
    }
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let value = &attributes.iter().find(|attribute| attribute.key == key)?.value;
    Some(match value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => text.clone(),
        Value::BoolValue(value) => value.to_string(),
        Value::IntValue(value) => value.to_string(),
        Value::DoubleValue(value) => value.to_string(),
        other => format!("{other:?}"),
    })
}

/// Returns a listener on a free port of loopback, and its address.
///
/// # Errors
///
/// If there is no free port.
pub async fn listener() -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Returns a tracer that samples everything and exports to `endpoint`.
#[must_use]
pub fn tracer(endpoint: SocketAddr) -> Tracer {
    let endpoint = Some(format!("http://{endpoint}"));
    Tracer::start(&Config { endpoint, max_rate: 1000, ratio: 1.0, ..Config::default() }, "test")
}
