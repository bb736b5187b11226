//! The rating service from outside, over REST, gRPC and Kafka.

#![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod bad_input;
mod calls;
mod grpc_web;
mod ingestion;
mod traced;

use api::rating::v1::rating_service_client::RatingServiceClient;
use service::testing::Running;
use tonic::transport::Channel;

/// Starts the service on a free port with a store in memory.
async fn start() -> (Running, RatingServiceClient<Channel>) {
    start_with(&[]).await
}

/// The same with arguments of its own.
async fn start_with(arguments: &[&str]) -> (Running, RatingServiceClient<Channel>) {
    let all = ["rating", "--database", "memory:", "--workers", "2"].iter().chain(arguments);
    let config: rating::Config = service::testing::parse(all).unwrap();
    let registry: std::sync::Arc<dyn discovery::Registry> = discovery::memory::Registry::new();
    let running = Running::start("rating", &registry, |registry, stop| rating::run(config, registry, stop));
    let running = running.await.unwrap();
    let client = RatingServiceClient::new(running.channel().await.unwrap());
    (running, client)
}
