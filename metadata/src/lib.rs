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
use repository::Repository;
use service::{Drain, Metrics, Ready, Routes, Server};
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use trace::Tracer;
use writer::Writer;

/// The name in the registry.
const NAME: &str = "metadata";

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
    let opened = shutdown.run_until_cancelled(OpenStore::open(&config)).await;
    let Some(open) = opened.transpose()? else { return Ok(()) };
    let drain = Drain::of(&shutdown, config.service.drain_delay + config.service.drain_timeout);
    let served = async {
        let listener = service::listen(NAME, &config.service).await?;
        open.serve(&config, listener, registry, shutdown).await
    };
    let served = served.await;
    open.close(&drain).await;
    served
}

/// An open store and its writer. Several instances in one process can share it: a SQLite file has one writer.
pub struct OpenStore {
    repository: Arc<dyn Repository>,
    writer: Arc<Writer>,
}

impl OpenStore {
    /// Opens the store that `config` selects and starts its writer.
    ///
    /// # Errors
    ///
    /// If the store can't be opened.
    pub async fn open(config: &Config) -> Result<Self, Error> {
        let repository = store::open(&config.storage).await?;
        let writer = Arc::new(Writer::start(repository.clone()));
        Ok(Self { repository, writer })
    }

    /// Serves the connections of `listener` as one instance.
    ///
    /// # Errors
    ///
    /// If the server fails.
    pub async fn serve(
        &self,
        config: &Config,
        listener: TcpListener,
        registry: Option<Arc<dyn Registry>>,
        shutdown: CancellationToken,
    ) -> Result<(), Error> {
        serve(config, listener, self, registry, shutdown).await
    }

    /// Applies the queued writes and closes the store, bounded by `drain`. All instances must have ended.
    pub async fn close(&self, drain: &Drain) {
        let close = async {
            self.writer.close().await;
            self.repository.close().await;
        };
        drain.bound("closing the store", close).await;
    }
}

async fn serve(
    config: &Config,
    listener: TcpListener,
    open: &OpenStore,
    registry: Option<Arc<dyn Registry>>,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let (repository, writer) = (open.repository.clone(), open.writer.clone());
    let controller = Controller::new(repository.clone(), writer.clone());
    let (rest, grpc, ready) = (controller.clone(), controller.clone(), controller);
    let server = Server {
        name: NAME,
        grpc_services: &["metadata.v1.MetadataService"],
        descriptors: &[api::descriptors::METADATA],
        openapi: handler::http::document(),
        metrics: Metrics::new(),
        tracer: Tracer::start(&config.service.traces, "metadata"),
        ready: Ready::when(move || {
            let controller = ready.clone();
            async move { controller.ready().await }
        }),
        routes: Box::new(move || Routes {
            rest: handler::http::routes(rest.clone()),
            grpc: handler::grpc::routes(grpc.clone()),
        }),
    };
    Ok(server.serve(listener, &config.service, registry, shutdown).await?)
}
