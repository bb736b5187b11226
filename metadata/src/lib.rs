//! The metadata service: movie records over REST and gRPC.

mod config;
pub mod controller;
mod handler;
pub mod repository;

pub use config::{Config, LISTEN};

use controller::Controller;
use discovery::Registry;
use service::{Description, Metrics, Routes};
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Why the service can't start or can't go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store can't be opened.
    #[error("can't open the store")]
    Storage(#[from] storage::Error),
    /// The server failed.
    #[error(transparent)]
    Server(#[from] service::Error),
}

/// Runs the service as `arguments`, the first of which is the program's name, and the environment say, until
/// the process is asked to stop. Ends the process where they are wrong or ask for help.
#[must_use]
pub fn process(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let config: Config = service::parse(LISTEN, arguments);
    service::telemetry(&config.service);
    service::block_on(|stop| async move {
        let registry = service::registry(&config.service)?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(run(config, registry, stop).await?)
    })
}

/// Serves metadata until `shutdown` is cancelled.
///
/// # Errors
///
/// Where the store can't be opened or the server fails.
pub async fn run(
    config: Config,
    registry: Option<Arc<dyn Registry>>,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let opened = shutdown.run_until_cancelled(repository::open(&config.storage)).await;
    let Some(repository) = opened.transpose()? else { return Ok(()) };
    let drain = service::Drain::of(&shutdown, config.service.drain_delay + config.service.drain_timeout);
    let controller = Controller::new(repository.clone());
    let description = Description {
        name: "metadata",
        grpc_services: &["metadata.v1.MetadataService"],
        descriptors: &[api::descriptors::METADATA],
        openapi: handler::http::document(),
    };
    let ready = {
        let controller = controller.clone();
        move || -> futures::future::BoxFuture<'static, _> {
            let controller = controller.clone();
            Box::pin(async move { controller.ready().await.map_err(|error| service::chain(&error)) })
        }
    };
    let make = move || Routes {
        rest: handler::http::routes(controller.clone()),
        grpc: handler::grpc::routes(controller.clone()),
    };
    let served =
        service::run(description, &config.service, registry, Metrics::new(), ready, make, shutdown).await;
    drain.bound("closing the store", repository.close()).await;
    Ok(served?)
}
