//! The environment of a case: a registry, unique names, and ways to wait for changes.

use super::subject::Subject;
use crate::registry::{Instance, InstanceSet, Registry};
use futures::stream::{BoxStream, StreamExt};
use libtest_mimic::Failed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// The time limit for a change to become visible.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Bench {
    pub(super) subject: Box<dyn Subject>,
    pub(super) registry: Arc<dyn Registry>,
    /// The name of the service under test.
    pub(super) rating: String,
    /// The name of another service.
    pub(super) metadata: String,
    made: Mutex<Vec<Instance>>,
}

impl Bench {
    pub(super) fn new(subject: Box<dyn Subject>) -> Self {
        let mark = rand::random::<u64>();
        Self {
            registry: subject.registry(),
            subject,
            rating: format!("rating-{mark:016x}"),
            metadata: format!("metadata-{mark:016x}"),
            made: Mutex::default(),
        }
    }

    /// Returns an instance of `rating`.
    pub(super) fn instance(&self, host: &str, port: u16) -> Instance {
        self.instance_of(&self.rating, host, port)
    }

    pub(super) fn instance_of(&self, service: &str, host: &str, port: u16) -> Instance {
        let instance = Instance {
            service: service.to_owned(),
            id: format!("{service}-host-{port}"),
            host: host.to_owned(),
            port,
            tags: vec!["grpc".to_owned(), "rest".to_owned()],
        };
        self.made.lock().unwrap_or_else(PoisonError::into_inner).push(instance.clone());
        instance
    }

    /// Returns three instances of `rating`, ordered by id.
    pub(super) fn three(&self) -> [Instance; 3] {
        [1, 2, 3].map(|port| self.instance("127.0.0.1", port))
    }

    pub(super) fn watch(&self) -> Watch {
        Watch(self.registry.watch(&self.rating))
    }

    /// Deregisters everything that the case may have left.
    pub(super) async fn clear(&self) -> Result<(), Failed> {
        let made = std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner));
        for instance in made {
            self.registry.deregister(&instance).await?;
        }
        Ok(())
    }
}

/// Watches the instances of one service.
pub(super) struct Watch(pub(super) BoxStream<'static, InstanceSet>);

impl Watch {
    pub(super) async fn next(&mut self) -> InstanceSet {
        match timeout(PATIENCE, self.0.next()).await {
            Ok(Some(set)) => set,
            Ok(None) => panic!("the watch ended"),
            Err(_) => panic!("no change was seen within {PATIENCE:?}"),
        }
    }

    /// Watches until the set is `expected`, whatever the states in between.
    pub(super) async fn until(&mut self, expected: &[Instance]) {
        self.until_within(PATIENCE, expected).await;
    }

    pub(super) async fn until_within(&mut self, patience: Duration, expected: &[Instance]) {
        let mut last = None;
        let follow = async {
            while last.as_deref() != Some(expected) {
                last = self.0.next().await;
            }
        };
        if timeout(patience, follow).await.is_err() {
            panic!("expected {expected:?}, last seen {last:?}");
        }
    }
}
