//! A registry within this process: for tests, and for services that share one process.

use crate::registry::{Error, Instance, InstanceSet};
use async_trait::async_trait;
use fault::Kind;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;

/// A registry in memory. An instance stays until it is deregistered, because it cannot outlive the process.
#[derive(Debug, Default)]
pub struct Registry {
    /// By name in lower case: Consul ignores case too.
    services: Mutex<HashMap<String, watch::Sender<InstanceSet>>>,
}

impl Registry {
    /// Creates an empty registry, shared by services and their callers.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Loses everything, like a registry that is killed and restarted.
    pub fn forget(&self) {
        let services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        for instances in services.values() {
            instances.send_replace(Arc::from([]));
        }
    }

    fn service<T>(&self, name: &str, act: impl FnOnce(&watch::Sender<InstanceSet>) -> T) -> T {
        let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        act(services.entry(name.to_lowercase()).or_insert_with(|| watch::Sender::new(Arc::from([]))))
    }

    /// Inserts `instance`, replacing the one with its id, or removes that one.
    fn replace(&self, service: &str, id: &str, instance: Option<&Instance>) {
        self.service(service, |instances| {
            instances.send_if_modified(|set| {
                let others = set.iter().filter(|other| other.id != id);
                let mut next: Vec<Instance> = others.chain(instance).cloned().collect();
                next.sort_by(|a, b| a.id.cmp(&b.id));
                let changed = next[..] != set[..];
                *set = next.into();
                changed
            })
        });
    }
}

#[async_trait]
impl crate::Registry for Registry {
    async fn register(&self, instance: &Instance) -> Result<(), Error> {
        self.replace(&instance.service, &instance.id, Some(instance));
        Ok(())
    }

    async fn heartbeat(&self, instance: &Instance) -> Result<(), Error> {
        let known = self.service(&instance.service, |instances| {
            instances.borrow().iter().any(|known| known.id == instance.id)
        });
        if known {
            Ok(())
        } else {
            Err(Error::new(Kind::NotFound, format!("instance `{}` is not registered", instance.id)))
        }
    }

    async fn deregister(&self, instance: &Instance) -> Result<(), Error> {
        self.replace(&instance.service, &instance.id, None);
        Ok(())
    }

    fn watch(&self, service: &str) -> BoxStream<'static, InstanceSet> {
        let instances = self.service(service, watch::Sender::subscribe);
        WatchStream::new(instances).chain(stream::pending()).boxed()
    }
}
