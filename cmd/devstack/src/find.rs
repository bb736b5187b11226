//! Finds a service as any caller would: through the registry.

use anyhow::Context;
use discovery::{Instance, Registry};
use futures::StreamExt;
use std::time::Duration;
use tonic::transport::{Channel, Endpoint};

/// How long a part may take until it is registered.
const PATIENCE: Duration = Duration::from_secs(30);

/// The instance of `service` on `port` (0: any port), as soon as it is registered.
pub async fn instance(registry: &dyn Registry, service: &str, port: u16) -> anyhow::Result<Instance> {
    let mut sets = registry.watch(service);
    let found = async {
        while let Some(set) = sets.next().await {
            if let Some(instance) = set.iter().find(|instance| port == 0 || instance.port == port) {
                return Ok(instance.clone());
            }
        }
        anyhow::bail!("the registry stopped answering")
    };
    let found = tokio::time::timeout(PATIENCE, found).await;
    found.with_context(|| format!("{service} was not registered within {} s", PATIENCE.as_secs()))?
}

/// A connection to `instance`, made at the first call.
pub fn channel(instance: &Instance) -> anyhow::Result<Channel> {
    Ok(Endpoint::from_shared(format!("http://{}", instance.authority()))?.connect_lazy())
}
