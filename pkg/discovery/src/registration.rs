//! The life cycle of a registration: registered, kept alive, registered again if the registry lost it, and
//! deregistered at the end.

use crate::backoff::Backoff;
use crate::registry::{Error, Instance, Registry};
use fault::{Fault, Kind};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// The time without a heartbeat after which a registry considers an instance dead.
pub const TTL: Duration = Duration::from_secs(15);

/// The time between two heartbeats, a third of the [`TTL`].
pub const HEARTBEAT: Duration = Duration::from_secs(5);

/// The time limit of one call to the registry, including the last one (deregistration).
const CALL: Duration = Duration::from_secs(2);

/// Keeps `instance` registered until `stop` is cancelled, then deregisters it, and returns within about 2 s
/// whatever the state of the registry.
///
/// While the registry is unreachable it retries at growing intervals up to 1 s (5 s if the registry
/// rejects the call). The registry itself logs that it is unreachable; a rejection is logged here, once.
pub async fn announce(registry: Arc<dyn Registry>, instance: Instance, stop: CancellationToken) {
    let mut announcer = Announcer { registry: &*registry, instance: &instance, standing: Standing::New };
    stop.run_until_cancelled(announcer.keep()).await;
    announcer.leave().await;
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    New,
    Present,
    /// The registry does not know the instance.
    Lost,
    Refused,
}

struct Announcer<'a> {
    registry: &'a dyn Registry,
    instance: &'a Instance,
    standing: Standing,
}

impl Announcer<'_> {
    async fn keep(&mut self) {
        loop {
            self.register().await;
            self.keep_alive().await;
        }
    }

    /// Returns once the instance is registered.
    async fn register(&mut self) {
        let mut pauses = Pauses::new();
        while let Err(error) = bounded(self.registry.register(self.instance)).await {
            self.has_failed(&error);
            sleep(pauses.after(&error)).await;
        }
        self.is_present();
    }

    /// Returns once the registry no longer knows the instance.
    async fn keep_alive(&mut self) {
        let mut pauses = Pauses::new();
        let mut failed = None;
        loop {
            match failed.take() {
                Some(error) => sleep(pauses.after(&error)).await,
                None => tokio::select! {
                    () = sleep(HEARTBEAT) => {}
                    () = self.registry.disturbed() => {}
                },
            }
            match bounded(self.registry.heartbeat(self.instance)).await {
                Ok(()) => {
                    pauses = Pauses::new();
                    self.is_present();
                }
                Err(error) if error.kind() == Kind::NotFound => {
                    self.standing = Standing::Lost;
                    return;
                }
                Err(error) => {
                    self.has_failed(&error);
                    failed = Some(error);
                }
            }
        }
    }

    async fn leave(&self) {
        match bounded(self.registry.deregister(self.instance)).await {
            Ok(()) => tracing::info!(instance = self.instance.id, "deregistered"),
            Err(error) => {
                tracing::warn!(instance = self.instance.id, error = chain(&error), "could not deregister");
            }
        }
    }

    fn is_present(&mut self) {
        let (instance, address) = (&self.instance.id, self.instance.authority());
        match self.standing {
            Standing::New => tracing::info!(instance, address, "registered"),
            Standing::Lost => tracing::info!(instance, address, "registered again: the registry lost it"),
            Standing::Refused => tracing::info!(instance, address, "the registry accepts this instance now"),
            Standing::Present => {}
        }
        self.standing = Standing::Present;
    }

    fn has_failed(&mut self, error: &Error) {
        if error.is_outage() {
            return;
        }
        if self.standing != Standing::Refused {
            let instance = &self.instance.id;
            tracing::warn!(instance, error = chain(error), "the registry rejects this instance, retrying");
        }
        self.standing = Standing::Refused;
    }
}

/// Returns short pauses if the registry is unreachable, longer ones if it rejects calls.
struct Pauses {
    away: Backoff,
    refused: Backoff,
}

impl Pauses {
    fn new() -> Self {
        let first = Duration::from_millis(100);
        Self {
            away: Backoff::new(first, Duration::from_secs(1)),
            refused: Backoff::new(first, Duration::from_secs(5)),
        }
    }

    fn after(&mut self, error: &Error) -> Duration {
        match error.kind() {
            Kind::Unavailable | Kind::Timeout => self.away.pause(),
            _ => self.refused.pause(),
        }
    }
}

async fn bounded(call: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    let late = |_| Err(Error::new(Kind::Timeout, format!("the registry did not respond within {CALL:?}")));
    timeout(CALL, call).await.unwrap_or_else(late)
}

/// Returns the error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
