//! An endpoint for `bench/run --only tracing`: it accepts spans over OTLP/gRPC and discards them.
//!
//! `cargo run --profile dist -p trace --example receiver` prints its address and receives until it is killed.

#![expect(clippy::print_stdout, reason = "an example prints its address")]

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use std::error::Error;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};
use trace::testing::listener;

struct Discard;

#[tonic::async_trait]
impl TraceService for Discard {
    async fn export(
        &self,
        _: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (listener, address) = listener().await?;
    println!("{address}");
    let server = Server::builder().add_service(TraceServiceServer::new(Discard));
    Ok(server.serve_with_incoming(TcpListenerStream::new(listener)).await?)
}
