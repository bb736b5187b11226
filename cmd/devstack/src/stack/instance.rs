//! The instance served by this process. Its registry may contain instances of other stacks as well.

use crate::faults::proxy::Proxy;
use anyhow::Context;
use async_trait::async_trait;
use discovery::{Doubts, Error, Instance, InstanceSet, Registry};
use fault::Kind;
use futures::StreamExt;
use futures::stream::BoxStream;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::SetOnce;

/// The time limit for a service to be registered.
const PATIENCE: Duration = Duration::from_secs(30);

/// A registry that records which instance a service of this process registers. While the instance's proxy refuses
/// connections, as if the instance were killed, it does not send heartbeats either.
pub(crate) struct OwnInstance {
    registry: Arc<dyn Registry>,
    instance: SetOnce<Instance>,
    proxy: Option<Arc<Proxy>>,
}

impl OwnInstance {
    /// Forwards every call to `registry`, for an instance behind `proxy` if it can have faults.
    #[must_use]
    pub(crate) fn new(registry: Arc<dyn Registry>, proxy: Option<Arc<Proxy>>) -> Arc<Self> {
        Arc::new(Self { registry, instance: SetOnce::new(), proxy })
    }

    fn check_alive(&self) -> Result<(), Error> {
        match &self.proxy {
            Some(proxy) if proxy.is_closed() => Err(Error::new(Kind::Unavailable, "this instance is killed")),
            _ => Ok(()),
        }
    }

    /// Returns the registered instance once callers can find it.
    ///
    /// # Errors
    ///
    /// Fails if `service` is not registered within 30 s.
    pub(crate) async fn registered(&self, service: &str) -> anyhow::Result<Instance> {
        let found = async {
            let own = self.instance.wait().await.clone();
            let mut sets = self.registry.watch(&own.service);
            while let Some(set) = sets.next().await {
                if set.iter().any(|instance| instance.id == own.id) {
                    return Ok(own);
                }
            }
            anyhow::bail!("the registry stopped responding")
        };
        let found = tokio::time::timeout(PATIENCE, found).await;
        found.with_context(|| format!("{service} was not registered within {} s", PATIENCE.as_secs()))?
    }
}

#[async_trait]
impl Registry for OwnInstance {
    async fn register(&self, instance: &Instance) -> Result<(), Error> {
        // It is registered again after an outage.
        let _ = self.instance.set(instance.clone());
        self.check_alive()?;
        self.registry.register(instance).await
    }

    async fn heartbeat(&self, instance: &Instance) -> Result<(), Error> {
        self.check_alive()?;
        self.registry.heartbeat(instance).await
    }

    async fn deregister(&self, instance: &Instance) -> Result<(), Error> {
        self.registry.deregister(instance).await
    }

    fn watch(&self, service: &str) -> BoxStream<'static, InstanceSet> {
        self.registry.watch(service)
    }

    async fn disturbed(&self) {
        self.registry.disturbed().await;
    }

    fn is_up(&self) -> bool {
        self.registry.is_up()
    }

    fn doubts(&self) -> Doubts {
        self.registry.doubts()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::proxy::Mode;
    use discovery::memory;
    use fault::Fault as _;
    use tokio::net::TcpListener;

    fn instance(port: u16) -> Instance {
        Instance {
            service: "metadata".into(),
            id: format!("metadata-127.0.0.1-{port}"),
            host: "127.0.0.1".into(),
            port,
            tags: Vec::new(),
        }
    }

    #[tokio::test]
    async fn instance_of_another_stack_is_not_taken_for_own() {
        let registry = memory::Registry::new();
        registry.register(&instance(1)).await.unwrap();
        let own = OwnInstance::new(registry, None);
        let second = instance(2);
        let (found, registered) = tokio::join!(own.registered("metadata"), own.register(&second));
        registered.unwrap();
        assert_eq!(found.unwrap(), second);
    }

    #[tokio::test]
    async fn killed_instance_sends_no_heartbeat_until_it_is_healed() {
        let registry = memory::Registry::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Arc::new(Proxy::start(listener, ([127, 0, 0, 1], 1).into()).unwrap());
        let own = OwnInstance::new(registry, Some(Arc::clone(&proxy)));
        own.register(&instance(1)).await.unwrap();
        proxy.set(Mode::Closed);
        assert_eq!(own.heartbeat(&instance(1)).await.unwrap_err().kind(), Kind::Unavailable);
        proxy.set(Mode::Frozen);
        own.heartbeat(&instance(1)).await.unwrap();
    }
}
