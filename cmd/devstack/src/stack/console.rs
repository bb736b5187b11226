//! The console in this process.

use crate::config::Stack;
use crate::embedded::endpoint::reachable;
use crate::faults::Faults;
use crate::stack::services::Wiring;
use ::console::{Bound, Config};
use discovery::{Registry, consul};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// A console that listens and does not serve yet.
pub(crate) struct Console {
    bound: Bound,
    registry: Arc<dyn Registry>,
}

impl Console {
    /// Listens on the addresses of `stack`.
    pub(crate) async fn bind(stack: &Stack, wiring: &Wiring) -> anyhow::Result<Self> {
        let registry = consul::Config { url: wiring.consul.clone(), ..consul::Config::default() };
        let config = Config {
            listen: stack.listen.console,
            otlp_listen: stack.listen.otlp,
            consul: wiring.consul.clone(),
            kafka: Some(wiring.kafka.brokers.clone()),
            kafka_options: wiring.kafka.options.clone(),
            ..Config::default()
        };
        let bound = ::console::bind(config).await?;
        Ok(Self { bound, registry: Arc::new(consul::Registry::new(registry)?) })
    }

    /// Returns the address of its page.
    #[must_use]
    pub(crate) fn address(&self) -> SocketAddr {
        self.bound.address()
    }

    /// Returns the endpoint that receives traces and logs.
    #[must_use]
    pub(crate) fn otlp_endpoint(&self) -> String {
        format!("http://{}", reachable(self.bound.otlp_address()))
    }

    /// Serves until `stop`.
    pub(crate) async fn run(self, faults: Arc<Faults>, stop: CancellationToken) -> anyhow::Result<()> {
        self.bound.run(self.registry, Some(faults), stop).await
    }
}
