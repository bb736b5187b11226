//! The metadata service: movie records over REST and gRPC.

pub mod batch;
mod config;
pub mod controller;
mod handler;
pub mod repository;
mod store;
pub mod writer;

pub use config::{Config, LISTEN};

use controller::Controller;
use discovery::Registry;
use service::{Metrics, Ready, Routes, Server};
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use writer::Writer;

/// Why the service failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store can't be opened.
    #[error("can't open the store")]
    Storage(#[from] storage::Error),
    /// The server failed.
    #[error(transparent)]
    Server(#[from] service::Error),
}

/// Runs the service with the command line `arguments` until the process is asked to stop: see [`service::main`].
#[must_use]
pub fn process(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    service::main(arguments, run)
}

/// Serves metadata until `shutdown` is cancelled.
///
/// # Errors
///
/// If the store can't be opened or the server fails.
pub async fn run(
    config: Config,
    registry: Option<Arc<dyn Registry>>,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let opened = shutdown.run_until_cancelled(store::open(&config.storage)).await;
    let Some(repository) = opened.transpose()? else { return Ok(()) };
    let drain = service::Drain::of(&shutdown, config.service.drain_delay + config.service.drain_timeout);
    let writer = Arc::new(Writer::start(repository.clone()));
    let controller = Controller::new(repository.clone(), writer.clone());
    let (rest, grpc, ready) = (controller.clone(), controller.clone(), controller);
    let metrics = Metrics::new();
    metrics.registry(|registry| writer.register(registry));
    let store = Arc::clone(&repository);
    metrics.collect(move |to| store.sample(to));
    let server = Server {
        name: "metadata",
        grpc_services: &["metadata.v1.MetadataService"],
        descriptors: &[api::descriptors::METADATA],
        openapi: handler::http::document(),
        metrics,
        ready: Ready::when(move || {
            let controller = ready.clone();
            async move { controller.ready().await }
        }),
        routes: Box::new(move || Routes {
            rest: handler::http::routes(rest.clone()),
            grpc: handler::grpc::routes(grpc.clone()),
        }),
    };
    let served = server.run(&config.service, registry, shutdown).await;
    let close = async {
        writer.close().await;
        repository.close().await;
    };
    drain.bound("closing the store", close).await;
    Ok(served?)
}
