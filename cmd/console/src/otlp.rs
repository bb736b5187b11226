//! The receiver of OTLP over gRPC: traces and logs are stored, metrics are acknowledged and ignored, because the
//! console scrapes them itself.

mod attributes;
mod records;
mod resource;
mod spans;

use crate::stores::Stores;
use crate::time;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::codec::CompressionEncoding::Gzip;
use tonic::transport::server::{Server, TcpIncoming};
use tonic::{Request, Response, Status};

/// The maximum size of an export, in bytes: exporters send 512 spans at a time.
const MAX_EXPORT: usize = 8 * 1024 * 1024;

/// The maximum number of exports of one connection that are handled at the same time.
const MAX_CONCURRENT: usize = 4;

/// Receives exports on `listener` until `stop` is cancelled.
pub(crate) async fn serve(
    listener: TcpListener,
    stores: Arc<Stores>,
    stop: CancellationToken,
) -> Result<(), tonic::transport::Error> {
    let receiver = Receiver { stores };
    let traces = TraceServiceServer::new(receiver.clone());
    let logs = LogsServiceServer::new(receiver.clone());
    let metrics = MetricsServiceServer::new(receiver);
    Server::builder()
        .concurrency_limit_per_connection(MAX_CONCURRENT)
        .add_service(traces.accept_compressed(Gzip).max_decoding_message_size(MAX_EXPORT))
        .add_service(logs.accept_compressed(Gzip).max_decoding_message_size(MAX_EXPORT))
        .add_service(metrics.accept_compressed(Gzip).max_decoding_message_size(MAX_EXPORT))
        .serve_with_incoming_shutdown(TcpIncoming::from(listener), stop.cancelled_owned())
        .await
}

#[derive(Clone, Debug)]
struct Receiver {
    stores: Arc<Stores>,
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let (spans, refused) = spans::convert(request.into_inner().resource_spans, time::now());
        let rejected = refused + self.stores.add_spans(spans, refused);
        let partial_success = (rejected > 0).then(|| ExportTracePartialSuccess {
            rejected_spans: i64::try_from(rejected).unwrap_or(i64::MAX),
            error_message:
                "ids must have 16 and 8 bytes and not be zero, times must be within the last day, and a \
                            trace has at most 1000 spans"
                    .to_owned(),
        });
        Ok(Response::new(ExportTraceServiceResponse { partial_success }))
    }
}

#[tonic::async_trait]
impl LogsService for Receiver {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let (records, refused) = records::convert(request.into_inner().resource_logs, time::now());
        self.stores.add_records(records);
        let partial_success = (refused > 0).then(|| ExportLogsPartialSuccess {
            rejected_log_records: i64::try_from(refused).unwrap_or(i64::MAX),
            error_message: "times must be within the last day".to_owned(),
        });
        Ok(Response::new(ExportLogsServiceResponse { partial_success }))
    }
}

#[tonic::async_trait]
impl MetricsService for Receiver {
    async fn export(
        &self,
        _request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        Ok(Response::new(ExportMetricsServiceResponse { partial_success: None }))
    }
}
