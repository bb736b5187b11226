//! A part of the stack that faults can be applied to.

use super::proxy::{Mode, Proxy};
use crate::embedded::broker;
use console::faults::{self, Action, Active, Error, TargetKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

/// How long a fault lasts if nobody heals it.
const LASTS: Duration = Duration::from_secs(60);

/// What a slow instance adds to each response.
const DELAY: Duration = Duration::from_millis(300);

/// How faults take effect.
pub(crate) enum Switch {
    /// In the proxy of an instance.
    Instance(Arc<Proxy>),
    /// In the proxy of the registry.
    Registry(Arc<Proxy>),
    /// In the embedded broker.
    Broker(broker::Control),
    /// A topic has bursts, which are not faults that last.
    Topic,
}

/// A part of the stack with its active fault.
pub(crate) struct Target {
    id: String,
    kind: TargetKind,
    service: Option<String>,
    switch: Switch,
    fault: Mutex<Option<Fault>>,
    /// Serializes changes, which may have to wait for the broker.
    changing: tokio::sync::Mutex<()>,
}

/// A fault in effect.
struct Fault {
    active: Active,
    /// Heals it; aborted if it is healed earlier or replaced.
    _healing: AbortOnDropHandle<()>,
}

impl Target {
    /// Creates a target without a fault.
    #[must_use]
    pub(crate) fn new(
        id: impl Into<String>,
        kind: TargetKind,
        service: Option<&'static str>,
        switch: Switch,
    ) -> Self {
        let (id, service) = (id.into(), service.map(str::to_owned));
        Self { id, kind, service, switch, fault: Mutex::default(), changing: tokio::sync::Mutex::default() }
    }

    /// Creates the target of an instance behind `proxy`.
    #[must_use]
    pub(crate) fn instance(id: String, service: &'static str, proxy: Arc<Proxy>) -> Self {
        Self::new(id, TargetKind::Instance, Some(service), Switch::Instance(proxy))
    }

    /// Creates the target of the registry behind `proxy`.
    #[must_use]
    pub(crate) fn registry(proxy: Arc<Proxy>) -> Self {
        Self::new("registry", TargetKind::Registry, None, Switch::Registry(proxy))
    }

    /// Creates the target of the embedded broker.
    #[must_use]
    pub(crate) fn broker(control: broker::Control) -> Self {
        Self::new("broker", TargetKind::Broker, None, Switch::Broker(control))
    }

    /// Returns its id.
    #[must_use]
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Returns whether it has `action`.
    #[must_use]
    pub(crate) fn supports(&self, action: Action) -> bool {
        self.actions().contains(&action)
    }

    fn actions(&self) -> &'static [Action] {
        match self.switch {
            Switch::Instance(_) => &[Action::Kill, Action::Freeze, Action::Slow, Action::Fail],
            Switch::Registry(_) => &[Action::Cut],
            Switch::Broker(_) => &[Action::Stop],
            Switch::Topic => &[Action::Burst],
        }
    }

    /// Returns its description for the console.
    #[must_use]
    pub(crate) fn state(&self) -> faults::Target {
        faults::Target {
            id: self.id.clone(),
            kind: self.kind,
            service: self.service.clone(),
            actions: self.actions().to_vec(),
            active: self.fault().as_ref().map(|fault| fault.active),
        }
    }

    /// Applies `action`, which replaces an active fault, until it is healed or has lasted a minute.
    ///
    /// # Errors
    ///
    /// If the broker can't be stopped.
    pub(crate) async fn apply(self: &Arc<Self>, action: Action) -> Result<(), Error> {
        let _changing = self.changing.lock().await;
        self.switch(Some(action)).await?;
        let since_ms = milliseconds_since_1970();
        let active = Active { action, since_ms, heals_ms: since_ms + LASTS.as_secs_f64() * 1000.0 };
        let target = Arc::downgrade(self);
        let healing = tokio::spawn(async move {
            sleep(LASTS).await;
            if let Some(target) = target.upgrade() {
                // A task of its own, because this one is aborted with the fault.
                tokio::spawn(async move { target.expire(since_ms).await });
            }
        });
        *self.fault() = Some(Fault { active, _healing: AbortOnDropHandle::new(healing) });
        Ok(())
    }

    /// Ends the active fault, if there is one.
    ///
    /// # Errors
    ///
    /// If the broker can't be started again.
    pub(crate) async fn heal(&self) -> Result<(), Error> {
        self.end(|_| true).await
    }

    /// Ends the fault that began at `since_ms`, unless another one has replaced it.
    async fn expire(&self, since_ms: f64) {
        if let Err(error) = self.end(|active| active.since_ms == since_ms).await {
            tracing::warn!(target = self.id, %error, "a fault can't be healed");
        }
    }

    async fn end(&self, is_meant: impl Fn(&Active) -> bool + Send) -> Result<(), Error> {
        let _changing = self.changing.lock().await;
        if self.fault().as_ref().is_some_and(|fault| is_meant(&fault.active)) {
            self.switch(None).await?;
            *self.fault() = None;
        }
        Ok(())
    }

    /// Puts a fault into effect, or none.
    async fn switch(&self, action: Option<Action>) -> Result<(), Error> {
        match &self.switch {
            Switch::Instance(proxy) | Switch::Registry(proxy) => {
                proxy.set(mode(action));
                Ok(())
            }
            Switch::Broker(control) => {
                let up = action.is_none();
                control.set_up(up).await.map_err(|error| Error::Failed(format!("{error:#}")))
            }
            Switch::Topic => Ok(()),
        }
    }

    fn fault(&self) -> MutexGuard<'_, Option<Fault>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const fn mode(action: Option<Action>) -> Mode {
    match action {
        Some(Action::Kill | Action::Cut) => Mode::Closed,
        Some(Action::Freeze) => Mode::Frozen,
        Some(Action::Slow) => Mode::Slow(DELAY),
        Some(Action::Fail) => Mode::Failing,
        Some(Action::Stop | Action::Burst) | None => Mode::Forward,
    }
}

fn milliseconds_since_1970() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1000.0
}
