//! One call: pick, try, and try elsewhere while that is safe, useful and paid for.

mod attempt;
mod connected;
mod options;
mod run;

pub use options::{Hedge, Mode, Options};

use crate::error::{Class, Error, Failure};
use crate::instances::Instances;
use crate::latency::Latencies;
use crate::picker::{Endpoint, Lease, Picker};
use crate::statistics::{Counters, Outcome, Reason};
use connected::Connected;
use discovery::Instance;
use run::{Run, Tried};
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::retry::budget::{Budget, TpsBudget};

/// For how long calls that were made pay for retries.
const BUDGET_WINDOW: Duration = Duration::from_secs(2);

/// Retries a second that need no calls to pay for them.
const BUDGET_RESERVE: u32 = 4;

/// Retries for each call: one for six, so that with the reserve and a burst after quiet times a service whose
/// every instance fails gets at most 1.2 times the calls.
const BUDGET_SHARE: f32 = 0.166;

/// Calls the instances of one service over connections of type `C`. Clones share them.
///
/// A client belongs to the runtime that it was made on: there a task makes a connection when an instance
/// appears and drops it when the instance leaves, until the last clone is gone.
pub struct Client<C> {
    shared: Arc<Shared<C>>,
}

/// An instance that was picked for a call, with room for it.
type Placed<C> = (Lease<Connected<C>>, OwnedSemaphorePermit);

struct Shared<C> {
    service: String,
    picker: Arc<Picker<Connected<C>>>,
    known: watch::Receiver<bool>,
    budget: TpsBudget,
    latencies: Latencies,
    counters: Arc<Counters>,
    options: Options,
    _follower: DropGuard,
}

impl<C> Clone for Client<C> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<C> fmt::Debug for Client<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("service", &self.shared.service).finish_non_exhaustive()
    }
}

impl<C: Clone + Send + Sync + 'static> Client<C> {
    /// Creates a client of `instances` on the current runtime, on which `connect` opens the connections.
    #[must_use]
    pub fn new(
        instances: &Instances,
        connect: impl Fn(&Instance) -> C + Send + 'static,
        options: Options,
    ) -> Self {
        let picker = Arc::new(Picker::new(Instant::now()));
        let observed: Weak<Picker<Connected<C>>> = Arc::downgrade(&picker);
        instances.counters().observe(observed);
        let (tell, known) = watch::channel(false);
        let stop = CancellationToken::new();
        let connect = move |instance: &Instance| Connected::new(connect(instance), &options);
        let follow = follow(picker.clone(), instances.subscribe(), connect, tell);
        tokio::spawn(stop.clone().run_until_cancelled_owned(follow));
        let shared = Shared {
            service: instances.service().to_owned(),
            picker,
            known,
            budget: TpsBudget::new(BUDGET_WINDOW, BUDGET_RESERVE, BUDGET_SHARE),
            latencies: Latencies::new(),
            counters: instances.counters().clone(),
            options,
            _follower: stop.drop_guard(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Runs `call` with the connection to an instance, and again with another's if it failed in a way that
    /// `mode` allows to be tried elsewhere and the budget for retries has something left.
    ///
    /// A call that its caller gives up on may be executed to its end, in a task of its own.
    ///
    /// # Errors
    ///
    /// No instance, no response by `deadline`, or what the last try returned.
    pub async fn call<T, E, F, Fut>(
        &self,
        deadline: impl Into<Instant>,
        mode: Mode,
        call: F,
    ) -> Result<T, Error<E>>
    where
        E: Failure,
        F: Fn(C) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
    {
        let counted = self.shared.counters.call();
        let result = self.call_before(deadline.into(), mode, call).await;
        counted.ended(match &result {
            Ok(_) => Outcome::Answered,
            Err(Error::Failed { cause, .. }) if cause.class() == Class::Application => Outcome::Answered,
            Err(Error::Failed { .. }) => Outcome::Failed,
            Err(Error::Late { .. }) => Outcome::Late,
            Err(Error::NoInstance { .. }) => Outcome::NoInstance,
        });
        result
    }

    async fn call_before<T, E, F, Fut>(&self, deadline: Instant, mode: Mode, call: F) -> Result<T, Error<E>>
    where
        E: Failure,
        F: Fn(C) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
    {
        let service = || self.shared.service.clone();
        if !self.first_set(deadline).await {
            return Err(Error::NoInstance { service: service() });
        }
        self.shared.budget.deposit();
        let run = Run { client: self, deadline, mode, call };
        let mut tried = Vec::new();
        loop {
            let placed = self.place(&tried, deadline).await?;
            tried.push(placed.0.endpoint().clone());
            let reason = match run.attempt_or_two(placed, &mut tried).await {
                Tried::Answered(answer) => return Ok(answer),
                Tried::Failed { authority, cause } => {
                    let class = cause.class();
                    let reason = mode.reason(class).filter(|_| run.may_retry(class, tried.len()));
                    reason.ok_or_else(|| Error::Failed { service: service(), authority, cause })?
                }
                Tried::Silent => Reason::Silent,
                Tried::Late => return Err(Error::Late { service: service() }),
            };
            self.shared.counters.retried(reason);
        }
    }

    /// Picks an instance that has room for a call. If the one that was picked has none, waits for it as long as one
    /// try may take, then picks again: that it is busy is no failure.
    async fn place<E>(
        &self,
        tried: &[Arc<Endpoint<Connected<C>>>],
        deadline: Instant,
    ) -> Result<Placed<C>, Error<E>> {
        let service = || self.shared.service.clone();
        loop {
            let now = Instant::now();
            if now >= deadline {
                return Err(Error::Late { service: service() });
            }
            let lease = self.shared.picker.pick(tried, now);
            let mut lease = lease.ok_or_else(|| Error::NoInstance { service: service() })?;
            if let Some(room) = lease.endpoint().connection().try_enter() {
                return Ok((lease, room));
            }
            let until = deadline.min(now + self.shared.options.try_timeout);
            let entered = timeout_at(until, lease.endpoint().connection().enter()).await;
            if let Ok(Some(room)) = entered {
                lease.refresh();
                return Ok((lease, room));
            }
        }
    }

    /// Waits until the registry has responded once, for a while. Returns whether it has.
    async fn first_set(&self, deadline: Instant) -> bool {
        let mut known = self.shared.known.clone();
        if *known.borrow() {
            return true;
        }
        let patience = self.shared.options.first_set.min(deadline.saturating_duration_since(Instant::now()));
        timeout(patience, known.wait_for(|known| *known)).await.is_ok_and(|known| known.is_ok())
    }
}

impl<C: Send + Sync> Shared<C> {
    /// Takes one more try from the budget. Returns whether there was one left.
    fn pay(&self) -> bool {
        let paid = self.budget.withdraw();
        if !paid {
            self.counters.refusals.count();
        }
        paid
    }

    /// Records the end of a try.
    fn ended(&self, lease: &Lease<Connected<C>>, class: Class) {
        if self.picker.ended(lease, class, Instant::now()) {
            self.counters.ejections.count();
        }
    }

    /// Records that an instance is silent.
    fn failed(&self, lease: &Lease<Connected<C>>) {
        if self.picker.failed(lease, Instant::now()) {
            self.counters.ejections.count();
        }
    }
}

/// Updates the picker's endpoints as the registry reports them, and signals when they are known for the first time.
async fn follow<C>(
    picker: Arc<Picker<C>>,
    mut sets: watch::Receiver<Option<discovery::InstanceSet>>,
    connect: impl Fn(&Instance) -> C,
    known: watch::Sender<bool>,
) {
    while sets.changed().await.is_ok() {
        let set = sets.borrow_and_update().clone();
        if let Some(set) = set {
            picker.replace(&set, &connect, Instant::now());
            known.send_replace(true);
        }
    }
}
