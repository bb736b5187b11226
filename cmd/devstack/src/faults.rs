//! Faults for the console: they act in proxies in front of the parts, and in the embedded broker.

pub(crate) mod burst;
pub(crate) mod proxy;
mod target;

use crate::load::Load;
use async_trait::async_trait;
use burst::Burst;
use console::faults::{Action, Error, State, TargetKind};
use std::sync::{Arc, OnceLock};
use target::Switch;
pub(crate) use target::Target;

/// The id of the target that takes bursts.
const TOPIC: &str = "topic";

/// The targets of faults, and the load that shows what callers notice.
pub(crate) struct Faults {
    targets: Vec<Arc<Target>>,
    load: Arc<Load>,
    burst: OnceLock<Arc<Burst>>,
}

impl Faults {
    /// Creates faults of `targets`. Bursts are accepted once [`Self::fill_with`] is called.
    #[must_use]
    pub(crate) fn new(targets: Vec<Target>, load: Arc<Load>) -> Arc<Self> {
        let topic = Target::new(TOPIC, TargetKind::Topic, None, Switch::Topic);
        let targets = targets.into_iter().chain([topic]).map(Arc::new).collect();
        Arc::new(Self { targets, load, burst: OnceLock::new() })
    }

    /// Makes bursts consist of the events of `burst`.
    pub(crate) fn fill_with(&self, burst: Burst) {
        // Set once, when the stack is ready.
        let _ = self.burst.set(Arc::new(burst));
    }

    /// Ends all faults.
    pub(crate) async fn heal_all(&self) {
        for target in &self.targets {
            if let Err(error) = target.heal().await {
                tracing::warn!(target = target.id(), %error, "a fault can't be healed");
            }
        }
    }

    fn target(&self, id: &str) -> Result<&Arc<Target>, Error> {
        let found = self.targets.iter().find(|target| target.id() == id);
        found.ok_or_else(|| Error::UnknownTarget(id.to_owned()))
    }

    async fn send_burst(&self) -> Result<(), Error> {
        let burst = self.burst.get().ok_or_else(|| Error::Failed("the stack is not ready yet".to_owned()))?;
        let sent = tokio::task::spawn_blocking({
            let burst = Arc::clone(burst);
            move || burst.send()
        });
        match sent.await {
            Ok(sent) => sent.map_err(|error| Error::Failed(error.to_string())),
            Err(panicked) => Err(Error::Failed(panicked.to_string())),
        }
    }
}

#[async_trait]
impl console::Faults for Faults {
    async fn state(&self) -> State {
        let targets = self.targets.iter().map(|target| target.state()).collect();
        State { targets, load: self.load.state() }
    }

    async fn apply(&self, target: &str, action: Action) -> Result<(), Error> {
        let target = self.target(target)?;
        if !target.supports(action) {
            return Err(Error::Unsupported { target: target.id().to_owned() });
        }
        match action {
            Action::Burst => self.send_burst().await,
            _ => target.apply(action).await,
        }
    }

    async fn heal(&self, target: &str) -> Result<(), Error> {
        self.target(target)?.heal().await
    }
}

#[cfg(test)]
mod tests;
