//! The server: one port for REST and gRPC, several workers, and the order in which it starts and stops.

mod acceptor;
mod access;
mod budget;
mod connection;
mod dispatch;
mod error;
mod linger;
mod metered;
mod observed;
mod outbox;
mod peer;
mod protocol;
mod reflection;
mod streams;
mod timer;
mod worker;

pub(crate) use access::AccessCall;
pub use error::Error;

use crate::admin;
use crate::config::Address;
use crate::health::{self, Ready, Standing};
use crate::layer::{self, Parameters};
use crate::metrics::Runtimes;
use crate::{Config, Metrics};
use budget::{Budget, Limits};
use bytes::Bytes;
use connection::Patience;
use discovery::{Instance, Registry, registration};
use dispatch::{Dispatch, Watched};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use trace::Tracer;
use utoipa::openapi::OpenApi;
use worker::{Settings, Workers};

/// How long the last traces of a service may take to be exported, once nothing starts spans any more.
pub const EXPORT_TIMEOUT: Duration = Duration::from_millis(500);

/// A service that can be run on one port.
pub struct Server {
    /// Its name in the registry (`metadata`).
    pub name: &'static str,
    /// The gRPC services whose health is reported (`metadata.v1.MetadataService`).
    pub grpc_services: &'static [&'static str],
    /// Its encoded file descriptor sets, for reflection and for the names of methods in metrics.
    pub descriptors: &'static [&'static [u8]],
    /// The description of its REST routes; the server adds what all services share. A query parameter that it does not
    /// list is rejected.
    pub openapi: OpenApi,
    /// Its metrics.
    pub metrics: Metrics,
    /// Its traces. The caller shuts the tracer down, after everything that starts spans has ended.
    pub tracer: Tracer,
    /// The check behind `/readyz`.
    pub ready: Ready,
    /// Builds its routes; called once on each worker.
    pub routes: Box<dyn Fn() -> Routes + Send + Sync>,
}

/// The routes of a service, of which each worker has its own.
pub struct Routes {
    /// The REST paths, without a fallback.
    pub rest: axum::Router,
    /// The gRPC services, without health and reflection.
    pub grpc: tonic::service::Routes,
}

impl Server {
    /// Listens on the address of `config` and serves until `stop` is cancelled: see [`Self::serve`].
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on, or a worker cannot start or panics.
    pub async fn run(
        self,
        config: &Config,
        registry: Option<Arc<dyn Registry>>,
        stop: CancellationToken,
    ) -> Result<(), Error> {
        let listener = listen(self.name, config).await?;
        self.serve(listener, config, registry, stop).await
    }

    /// Serves the connections of `listener` until `stop` is cancelled; the address in `config` is not used.
    ///
    /// Serves, then registers. To stop, deregisters, reports that the service is not ready, serves on for
    /// the drain delay, accepts no more connections, and waits for the calls in flight, at most for the drain timeout.
    ///
    /// # Errors
    ///
    /// If a worker cannot start or panics.
    pub async fn serve(
        self,
        listener: TcpListener,
        config: &Config,
        registry: Option<Arc<dyn Registry>>,
        stop: CancellationToken,
    ) -> Result<(), Error> {
        let Self {
            name: service,
            grpc_services: names,
            descriptors,
            openapi,
            metrics,
            tracer,
            ready,
            routes,
        } = self;
        let refused = |source| Error::Listen { service, address: config.listen, source };
        let address = listener.local_addr().map_err(refused)?;

        let openapi = crate::openapi::complete(openapi);
        let parameters = Parameters::new(&openapi);
        let openapi = serde_json::to_vec(&openapi).map_err(|source| Error::OpenApi { service, source })?;
        if let Some(registry) = &registry {
            metrics.tell_up(Arc::clone(registry));
        }
        metrics.count_spans(tracer.clone());
        let standing = Arc::new(Standing::new(metrics, Bytes::from(openapi), ready));
        let described =
            reflection::describe(descriptors).map_err(|source| Error::Descriptors { service, source })?;
        let (health, health_server) = health::reporter(names);

        let owner = tracer.owner(service);
        let access = access::Access::new(config);
        let limits = layer::Limits { request: config.request_timeout, body: config.body_timeout };
        let keep_alive = config.keep_alive;
        let dispatch = {
            let (standing, tracer) = (Arc::clone(&standing), tracer.clone());
            move || {
                let Routes { rest, grpc } = routes();
                let rest = rest.merge(health::router(&standing)).merge(admin::router());
                let grpc = described.add_to(grpc.add_service(health_server.clone()));
                let (methods, metrics) = (described.methods(), standing.metrics.clone());
                let watched = Watched { metrics, tracer: tracer.clone(), access };
                Dispatch::new(rest, grpc, methods, parameters.clone(), watched, limits, keep_alive)
            }
        };
        let settings = Settings {
            budget: Budget::new(Limits::DEFAULT),
            patience: Patience::with(config.keep_alive),
            drain_timeout: config.drain_timeout,
        };
        let (mut workers, streams) =
            Workers::start(owner.clone(), config.workers, settings, dispatch).await?;
        standing.metrics.observe_runtimes(Runtimes::new(workers.runtimes()));
        let closing = CancellationToken::new();
        let accept = async move || listener.accept().await.map(|(stream, _)| stream);
        let acceptor = tokio::spawn(acceptor::deal(accept, streams, closing.clone()));
        let acceptor = AbortOnDropHandle::new(acceptor);
        owner.enter(|| tracing::info!(service, %address, workers = config.workers, "serving"));

        let leaving = CancellationToken::new();
        let _leaving_when_dropped = leaving.clone().drop_guard();
        let instance = instance(service, config.advertise.clone().unwrap_or_else(|| address.into()));
        tracer.set_instance(&instance.id);
        let registered = registry
            .map(|registry| registration::announce(registry, instance, leaving.clone()))
            .map(|announcing| tokio::spawn(owner.clone().run(announcing)));

        let mut ended = tokio::select! {
            () = stop.cancelled() => Ok(()),
            () = workers.lost() => Err(Error::WorkerLost { service }),
        };

        leaving.cancel();
        if let Some(registered) = registered {
            _ = registered.await;
        }
        standing.drain();
        health.not_serving();
        if ended.is_ok() && !config.drain_delay.is_zero() {
            owner.enter(|| tracing::info!(service, delay = ?config.drain_delay, "not ready, still serving"));
            tokio::select! {
                () = tokio::time::sleep(config.drain_delay) => {}
                () = workers.lost() => ended = Err(Error::WorkerLost { service }),
            }
        }
        health.end_watches();
        closing.cancel();
        _ = acceptor.await;
        workers.join().await;
        owner.enter(|| tracing::info!(service, "stopped"));
        ended
    }
}

/// Listens on the address of `config`, for `service`.
///
/// # Errors
///
/// If the address cannot be listened on.
pub async fn listen(service: &'static str, config: &Config) -> Result<TcpListener, Error> {
    let address = config.listen;
    TcpListener::bind(address).await.map_err(|source| Error::Listen { service, address, source })
}

fn instance(service: &str, Address { host, port }: Address) -> Instance {
    let id = format!("{service}-{host}-{port}");
    Instance { service: service.to_owned(), id, host, port, tags: Vec::new() }
}
