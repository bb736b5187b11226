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
use tokio_util::sync::CancellationToken;
use writer::Writer;

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
    let prior = Prior::new(config.prior_weight, config.prior_mean)?;
    let opening = async {
        let store = store::open(&config.storage, config.cache_ttl).await?;
        store.batches.set_prior(prior).await?;
        Ok::<_, Error>(store)
    };
    let opened = shutdown.run_until_cancelled(opening).await;
    let Some(store) = opened.transpose()? else { return Ok(()) };
    let drain = Drain::of(&shutdown, config.service.drain_delay + config.service.drain_timeout);

    let write_until = CancellationToken::new();
    let writer = Writer::start(store.batches.clone(), &write_until);
    let served = serve(&config, &store, &writer, registry, shutdown, &drain).await;
    write_until.cancel();
    drain.bound("writing what was queued", writer.ended()).await;
    drain.bound("closing the store", store.repository.close()).await;
    served
}

/// Serves and ingests. When it returns, no write is in progress.
async fn serve(
    config: &Config,
    store: &Store,
    writer: &Writer,
    registry: Option<Arc<dyn Registry>>,
    shutdown: CancellationToken,
    drain: &Drain,
) -> Result<(), Error> {
    let metrics = Metrics::new();
    let counted = ingester::Metrics::default();
    metrics.registry(|registry| {
        counted.register(registry);
        writer.register(registry);
    });
    let ratings = Arc::clone(&store.ratings);
    metrics.collect(move |to| ratings.sample(to));
    let ingest_until = shutdown.child_token();
    let ingesting =
        ingester::start(&config.ingester, writer, store.repository.clone(), &counted, &ingest_until)?
            .map(Arc::new);
    if let Some(ingesting) = ingesting.clone() {
        metrics.collect(move |to| ingesting.sample(to));
    }

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
        name: "rating",
        grpc_services: &["rating.v1.RatingService"],
        descriptors: &[api::descriptors::RATING],
        openapi: handler::http::document(),
        metrics,
        ready,
        routes: Box::new(move || Routes {
            rest: handler::http::routes(state.clone()),
            grpc: handler::grpc::routes(controller.clone()),
        }),
    };
    let served = server.run(&config.service, registry, shutdown).await;
    ingest_until.cancel();
    if let Some(ingesting) = ingesting {
        drain.bound("leaving Kafka", ingesting.join()).await;
    }
    Ok(served?)
}
