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
use tokio_util::task::AbortOnDropHandle;

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

    /// Returns the endpoint that receives traces and logs.
    #[must_use]
    pub(crate) fn otlp_endpoint(&self) -> String {
        format!("http://{}", reachable(self.bound.otlp_address()))
    }

    /// Serves on the current runtime, with buttons for `faults`.
    #[must_use]
    pub(crate) fn start(self, faults: Arc<Faults>) -> RunningConsole {
        let stop = CancellationToken::new();
        let task = tokio::spawn(self.bound.run(self.registry, Some(faults), stop.clone()));
        RunningConsole { stop, task: Some(AbortOnDropHandle::new(task)) }
    }
}

/// A console that serves. It outlives the services, whose last traces are sent to it.
pub(crate) struct RunningConsole {
    stop: CancellationToken,
    /// None once it has ended.
    task: Option<AbortOnDropHandle<anyhow::Result<()>>>,
}

impl RunningConsole {
    /// Waits until it ends, which it does only if it fails.
    ///
    /// # Errors
    ///
    /// Why it has failed.
    pub(crate) async fn ended(&mut self) -> anyhow::Result<()> {
        let Some(task) = &mut self.task else { return Ok(()) };
        let ended = task.await;
        self.task = None;
        ended?
    }

    /// Stops it and waits for it.
    ///
    /// # Errors
    ///
    /// Why it has failed.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.ended().await
    }
}
