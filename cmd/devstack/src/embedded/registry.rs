//! The embedded registry: the development agent in a task of this process.

use super::endpoint::Endpoint;
use crate::faults::Target;
use crate::faults::proxy::Proxy;
use agent::Config;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A running agent.
pub struct Registry {
    address: SocketAddr,
    proxy: Option<Arc<Proxy>>,
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Registry {
    /// Starts an agent on `listen`, behind a proxy if it is to have `faults`.
    pub async fn start(listen: SocketAddr, faults: bool) -> anyhow::Result<Self> {
        let Endpoint { listener, address, proxy } = Endpoint::bind("the registry", listen, faults).await?;
        let stop = CancellationToken::new();
        let task = tokio::spawn(agent::serve(listener, Config::default(), stop.clone()));
        Ok(Self { address, proxy, stop, task })
    }

    /// Returns its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the target of its faults, if it can have any.
    #[must_use]
    pub(crate) fn target(&self) -> Option<Target> {
        self.proxy.clone().map(Target::registry)
    }

    /// Stops it and waits until it has ended.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.task.await?
    }
}
