//! The metadata service over REST and gRPC.

#![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod bad_input;
mod calls;
mod pages;
mod traced;

use api::metadata::v1::metadata_service_client::MetadataServiceClient;
use service::testing::Running;
use tonic::transport::Channel;

/// Starts the service on a free port with a memory store.
async fn start() -> (Running, MetadataServiceClient<Channel>) {
    let config = service::testing::parse(["metadata", "--database", "memory:", "--workers", "2"]);
    let config: metadata::Config = config.unwrap();
    let registry: std::sync::Arc<dyn discovery::Registry> = discovery::memory::Registry::new();
    let running =
        Running::start("metadata", &registry, |registry, stop| metadata::run(config, registry, stop));
    let running = running.await.unwrap();
    let client = MetadataServiceClient::new(running.channel().await.unwrap());
    (running, client)
}
