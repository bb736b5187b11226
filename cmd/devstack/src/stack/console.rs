//! The console in this process.

use crate::config::Listen;
use crate::embedded::endpoint::reachable;
use crate::faults::Faults;
use ::console::{Bound, Config};
use discovery::{Registry, consul};
use ratingingester::config::Cluster;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// A console that listens and does not serve yet.
pub(crate) struct Console {
    bound: Bound,
    registry: Arc<dyn Registry>,
}

impl Console {
    /// Listens on the addresses of `listen`. The console shows the services in the registry at the URL `consul`, and
    /// the dead letters of `kafka`.
    pub(crate) async fn bind(listen: &Listen, consul: &str, kafka: &Cluster) -> anyhow::Result<Self> {
        let registry = consul::Config { url: consul.to_owned(), ..consul::Config::default() };
        let config = Config {
            listen: listen.console,
            otlp_listen: listen.otlp,
            consul: consul.to_owned(),
            kafka: Some(kafka.brokers.clone()),
            kafka_options: kafka.options.clone(),
            ..Config::default()
        };
        let bound = ::console::bind(config).await?;
        Ok(Self { bound, registry: Arc::new(consul::Registry::new(registry)?) })
    }

    /// Returns the address of its page, as this machine reaches it.
    #[must_use]
    pub(crate) fn address(&self) -> SocketAddr {
        reachable(self.bound.address())
    }

    /// Returns the address of its OTLP receiver, as this machine reaches it.
    #[must_use]
    pub(crate) fn otlp_address(&self) -> SocketAddr {
        reachable(self.bound.otlp_address())
    }

    /// Serves until `stop`.
    pub(crate) async fn run(self, faults: Arc<Faults>, stop: CancellationToken) -> anyhow::Result<()> {
        self.bound.run(self.registry, Some(faults), stop).await
    }
}
