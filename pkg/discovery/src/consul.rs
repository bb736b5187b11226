//! A registry backed by Consul, or by a program with its HTTP interface.

pub(crate) mod ask;
pub(crate) mod config;
mod cursor;
mod decode;
mod http;
mod link;
mod watch;

pub use config::Config;

use crate::registry::{Doubts, Error, Instance, InstanceSet};
use ask::{Answer, Ask, WRITE, within};
use async_trait::async_trait;
use fault::{Fault, Kind};
use futures::stream::{self, BoxStream, StreamExt};
use http::Http;
use link::{Asker, Link};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use watch::Watcher;

/// A registry backed by Consul.
pub struct Registry {
    ask: Arc<dyn Ask>,
    grace: Duration,
    wait: Duration,
    /// For everything except watches.
    writer: Asker,
}

impl Registry {
    /// Creates a client of the Consul in `config`; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`Kind::InvalidArgument`] if the URL, the token or the CA file can't be used.
    pub fn new(config: Config) -> Result<Self, Error> {
        Ok(Self::asking(Arc::new(Http::new(&config)?), &config))
    }

    /// Creates a client with another transport.
    pub(crate) fn asking(ask: Arc<dyn Ask>, config: &Config) -> Self {
        let link = Link::new(&config.url);
        Self { ask, grace: config.grace, wait: config.wait, writer: Asker::writer(&link) }
    }

    async fn write(
        &self,
        question: impl Future<Output = Result<Answer, Error>>,
        read: impl FnOnce(Answer) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let outcome = within(WRITE, question).await.and_then(read);
        self.writer.note(&outcome);
        outcome
    }
}

/// Returns the id of an instance's only check, which Consul determines.
fn check(instance: &Instance) -> String {
    format!("service:{}", instance.id)
}

/// Marks `instance` critical at the Consul in `config`.
#[cfg(feature = "conformance")]
pub(crate) async fn fail(config: &Config, instance: &Instance) -> Result<(), Error> {
    let http = Http::new(config)?;
    within(WRITE, http.fail(&check(instance))).await?.success().map(drop)
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("grace", &self.grace)
            .field("wait", &self.wait)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl crate::Registry for Registry {
    async fn register(&self, instance: &Instance) -> Result<(), Error> {
        self.write(self.ask.register(instance), Answer::written).await?;
        // An existing check keeps its status in Consul, also critical, whatever the definition contains.
        self.heartbeat(instance).await
    }

    async fn heartbeat(&self, instance: &Instance) -> Result<(), Error> {
        let read = |answer: Answer| answer.forgotten_as_not_found("Unknown check");
        self.write(self.ask.pass(&check(instance)), read).await?;
        self.writer.link.beat();
        Ok(())
    }

    async fn deregister(&self, instance: &Instance) -> Result<(), Error> {
        let gone = |answer: Answer| match answer.forgotten_as_not_found("Unknown service") {
            Err(error) if error.kind() == Kind::NotFound => Ok(()),
            other => other,
        };
        self.writer.link.rest();
        self.write(self.ask.deregister(&instance.id), gone).await
    }

    fn watch(&self, service: &str) -> BoxStream<'static, InstanceSet> {
        let asker = Asker::watch(&self.writer.link);
        let watcher = Watcher::new(self.ask.clone(), asker, service, self.wait, self.grace);
        stream::unfold(watcher, |mut watcher| async move { Some((watcher.next().await, watcher)) }).boxed()
    }

    async fn disturbed(&self) {
        self.writer.link.disturbed().await;
    }

    fn is_up(&self) -> bool {
        self.writer.link.is_up()
    }

    fn doubts(&self) -> Doubts {
        self.writer.link.doubts()
    }
}

#[cfg(test)]
mod tests;
