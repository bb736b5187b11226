//! The movie service: metadata and ratings, joined at the public edge.

mod config;
pub mod controller;
mod error;
pub mod gateway;
mod handler;
mod metrics;

pub use config::{Config, GatewayKind, LISTEN};
pub use error::Error;

use client::{Instances, Options};
use controller::Controller;
use discovery::Registry;
use gateway::coalesce::{self, Counts};
use gateway::{MetadataGateway, RatingGateway, grpc, http};
use handler::{AppState, ResponseCache};
use service::{Metrics, Ready, Routes, Server};
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use trace::Tracer;

/// Runs the service with the command line `arguments` until the process is asked to stop: see [`service::main`].
#[must_use]
pub fn process(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    service::main(arguments, run)
}

/// Serves movies until `shutdown` is cancelled.
///
/// # Errors
///
/// If a backend service has neither a URL nor a registry to be found in, or the server fails.
pub async fn run(
    config: Config,
    registry: Option<Arc<dyn Registry>>,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let find = |service, flag, url: &Option<String>| match (url, &registry) {
        (Some(url), _) => Ok(Instances::fixed(service, [url])?),
        (None, Some(registry)) => Ok(Instances::watch(registry.as_ref(), service)),
        (None, None) => Err(Error::Nowhere { service, flag }),
    };
    let metadata = find("metadata", "--metadata-url", &config.metadata_url)?;
    let rating = find("rating", "--rating-url", &config.rating_url)?;
    let tracer = Tracer::start(&config.service.traces, "movie");
    let metrics = Metrics::new();
    let response_cache =
        (!config.cache_ttl.is_zero()).then(|| Arc::new(ResponseCache::new(config.cache_ttl)));
    let counts = metrics.registry(|registry| {
        metrics::register(registry, vec![metadata.clone(), rating.clone()]);
        response_cache.iter().for_each(|cache| cache.register(registry));
        Counts::register(registry, ["metadata", "rating"])
    });
    let options = Options { hedge: config.hedge_after, ..Options::default() };
    let parts = Parts { gateway: config.gateway, metadata, rating, options, counts };
    let server = Server {
        name: "movie",
        grpc_services: &["movie.v1.MovieService"],
        descriptors: &[api::descriptors::MOVIE],
        openapi: handler::http::document(),
        metrics,
        tracer,
        // Backends may come and go: movie responds as well as it can without them.
        ready: Ready::always(),
        routes: Box::new(move || {
            let state = AppState::new(parts.controller(), response_cache.clone());
            Routes { rest: handler::http::routes(state.clone()), grpc: handler::grpc::routes(state) }
        }),
    };
    Ok(server.run(&config.service, registry, shutdown).await?)
}

/// What the controller of each worker is made of.
struct Parts {
    gateway: GatewayKind,
    metadata: Instances,
    rating: Instances,
    options: Options,
    counts: [Counts; 2],
}

impl Parts {
    /// Creates a controller with its own connections and coalescers, for the current runtime.
    fn controller(&self) -> Controller {
        let (metadata, rating, options) = (&self.metadata, &self.rating, self.options);
        match self.gateway {
            GatewayKind::Grpc => self.join(
                grpc::MetadataBackend::new(metadata, options),
                grpc::RatingBackend::new(rating, options),
            ),
            GatewayKind::Http => self.join(
                http::MetadataBackend::new(metadata, options),
                http::RatingBackend::new(rating, options),
            ),
        }
    }

    fn join(
        &self,
        metadata: impl MetadataGateway + 'static,
        rating: impl RatingGateway + 'static,
    ) -> Controller {
        let [metadata_counts, rating_counts] = self.counts.clone();
        let metadata = coalesce::MetadataBackend::new(metadata, metadata_counts);
        let rating = coalesce::RatingBackend::new(rating, rating_counts);
        Controller::new(Arc::new(metadata), Arc::new(rating))
    }
}
