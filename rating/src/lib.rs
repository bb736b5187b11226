//! The rating service: ratings by users, and their aggregates for each record.

pub mod batch;
mod config;
pub mod controller;
mod handler;
pub mod ingester;
pub mod repository;
pub mod store;
pub mod writer;

pub use config::{Config, LISTEN};

use controller::Controller;
use discovery::Registry;
use model::{Broken, Prior};
use service::{Drain, Metrics, Ready, Routes, Server};
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use store::Store;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use trace::Tracer;
use writer::Writer;

/// The name in the registry.
const NAME: &str = "rating";

/// Why the service cannot start or continue.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store cannot be opened.
    #[error("can't open the store")]
    Storage(#[from] storage::Error),
    /// The prior cannot be stored.
    #[error("the prior weight and mean can't be stored")]
    Repository(#[from] repository::Error),
    /// The prior is out of range.
    #[error("the prior is out of range")]
    Prior(#[from] Broken),
    /// Ingestion cannot start.
    #[error(transparent)]
    Ingester(#[from] ingester::Error),
    /// The server failed.
    #[error(transparent)]
    Server(#[from] service::Error),
}

/// Runs the service with the command line `arguments` until the process is asked to stop: see [`service::main`].
#[must_use]
pub fn process(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    service::main(arguments, run)
}

/// Serves ratings, and ingests them if brokers are configured, until `shutdown` is cancelled.
///
/// # Errors
///
/// If the store cannot be opened, ingestion cannot start or the server fails.
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
        open.serve(&config, listener, registry, shutdown, &drain).await
    };
    let served = served.await;
    open.close(&drain).await;
    served
}

/// An open store and its writer. Several instances in one process can share it: a SQLite file has one writer.
#[derive(Debug)]
pub struct OpenStore {
    store: Store,
    writer: Writer,
    write_until: CancellationToken,
}

impl OpenStore {
    /// Opens the store that `config` selects, stores the prior in it, and starts its writer.
    ///
    /// # Errors
    ///
    /// If the store cannot be opened, or the prior is out of range or cannot be stored.
    pub async fn open(config: &Config) -> Result<Self, Error> {
        let prior = Prior::new(config.prior_weight, config.prior_mean)?;
        let store = store::open(&config.storage, config.cache_ttl).await?;
        store.batches.set_prior(prior).await?;
        let write_until = CancellationToken::new();
        let writer = Writer::start(store.batches.clone(), &write_until);
        Ok(Self { store, writer, write_until })
    }

    /// Serves the connections of `listener` as one instance, which ingests if `config` has brokers. When it returns,
    /// the instance has no write in progress.
    ///
    /// # Errors
    ///
    /// If ingestion cannot start or the server fails.
    pub async fn serve(
        &self,
        config: &Config,
        listener: TcpListener,
        registry: Option<Arc<dyn Registry>>,
        shutdown: CancellationToken,
        drain: &Drain,
    ) -> Result<(), Error> {
        serve(config, listener, &self.store, &self.writer, registry, shutdown, drain).await
    }

    /// Applies the queued writes and closes the store, bounded by `drain`. All instances must have ended.
    pub async fn close(&self, drain: &Drain) {
        self.write_until.cancel();
        drain.bound("writing what was queued", self.writer.ended()).await;
        drain.bound("closing the store", self.store.repository.close()).await;
    }
}

/// Serves and ingests. When it returns, no write is in progress.
async fn serve(
    config: &Config,
    listener: TcpListener,
    store: &Store,
    writer: &Writer,
    registry: Option<Arc<dyn Registry>>,
    shutdown: CancellationToken,
    drain: &Drain,
) -> Result<(), Error> {
    let tracer = Tracer::start(&config.service.traces, "rating");
    let metrics = Metrics::new();
    let counted = ingester::Metrics::default();
    metrics.registry(|registry| {
        counted.register(registry);
        writer.register(registry);
    });
    let ingest_until = shutdown.child_token();
    let ingesting =
        ingester::start(&config.ingester, writer, store.repository.clone(), &counted, &ingest_until)?
            .map(Arc::new);

    let controller = Controller::new(store.ratings.clone(), writer.clone());
    let ready = {
        let (repository, writer, ingesting) = (store.repository.clone(), writer.clone(), ingesting.clone());
        Ready::when(move || {
            let (repository, writer, ingesting) = (repository.clone(), writer.clone(), ingesting.clone());
            async move {
                writer.check()?;
                repository.ready().await?;
                ingesting.map_or(Ok(()), |ingesting| ingesting.ready())?;
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
            }
        })
    };
    let state = handler::http::AppState { controller: controller.clone(), ingesting: ingesting.clone() };
    let server = Server {
        name: NAME,
        grpc_services: &["rating.v1.RatingService"],
        descriptors: &[api::descriptors::RATING],
        openapi: handler::http::document(),
        metrics,
        tracer,
        ready,
        routes: Box::new(move || Routes {
            rest: handler::http::routes(state.clone()),
            grpc: handler::grpc::routes(controller.clone()),
        }),
    };
    let served = server.serve(listener, &config.service, registry, shutdown).await;
    ingest_until.cancel();
    if let Some(ingesting) = ingesting {
        drain.bound("leaving Kafka", ingesting.join()).await;
    }
    Ok(served?)
}
