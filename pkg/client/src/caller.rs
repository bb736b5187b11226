//! One call: pick, try, and try elsewhere while that is safe, useful and paid for.

mod attempt;
mod options;

pub use options::{Hedge, Mode, Options};

use crate::error::{Class, Error, Failure};
use crate::instances::Instances;
use crate::latency::Latencies;
use crate::picker::{Lease, Picker};
use crate::statistics::{Counters, Outcome, Reason};
use attempt::{Run, Tried};
use discovery::Instance;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
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

struct Shared<C> {
    service: String,
    picker: Arc<Picker<C>>,
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
    /// A client of `instances` on the present runtime, which `connect` makes the connections on.
    #[must_use]
    pub fn new(
        instances: &Instances,
        connect: impl Fn(&Instance) -> C + Send + 'static,
        options: Options,
    ) -> Self {
        let picker = Arc::new(Picker::new(Instant::now()));
        let observed: Weak<Picker<C>> = Arc::downgrade(&picker);
        instances.counters().observe(observed);
        let (tell, known) = watch::channel(false);
        let stop = CancellationToken::new();
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

    /// Runs `call` with the connection to an instance, and again with another's where it failed in a way that
    /// `mode` allows to be tried elsewhere and the budget for retries has something left.
    ///
    /// # Errors
    ///
    /// No instance, no answer by `deadline`, or what the last try returned.
    pub async fn call<T, E, F, Fut>(
        &self,
        deadline: impl Into<Instant>,
        mode: Mode,
        call: F,
    ) -> Result<T, Error<E>>
    where
        E: Failure,
        F: Fn(C) -> Fut,
        Fut: Future<Output = Result<T, E>>,
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
        Fut: Future<Output = Result<T, E>>,
    {
        self.first_set(deadline).await;
        self.shared.budget.deposit();
        let run = Run { client: self, deadline, mode, call };
        let mut tried = Vec::new();
        loop {
            let lease = self.shared.picker.pick(&tried, Instant::now());
            let lease = lease.ok_or_else(|| Error::NoInstance { service: self.shared.service.clone() })?;
            tried.push(lease.endpoint().clone());
            let reason = match run.attempt_or_two(&lease, &mut tried).await {
                Tried::Answered(answer) => return Ok(answer),
                Tried::Failed { authority, cause } => {
                    let reason = mode.reason(cause.class()).filter(|_| run.may_retry(tried.len()));
                    let service = || self.shared.service.clone();
                    reason.ok_or_else(|| Error::Failed { service: service(), authority, cause })?
                }
                Tried::Silent => Reason::Silent,
                Tried::Late => return Err(Error::Late { service: self.shared.service.clone() }),
            };
            self.shared.counters.retried(reason);
        }
    }

    /// Waits until the registry has answered once, for a while.
    async fn first_set(&self, deadline: Instant) {
        let mut known = self.shared.known.clone();
        if !*known.borrow() {
            let patience =
                self.shared.options.first_set.min(deadline.saturating_duration_since(Instant::now()));
            // However this ends: who is known then is who can be called.
            let _ = timeout(patience, known.wait_for(|known| *known)).await;
        }
    }

    /// Has the budget pay for one more try.
    fn pay(&self) -> bool {
        let paid = self.shared.budget.withdraw();
        if !paid {
            self.shared.counters.refusals.count();
        }
        paid
    }

    fn failed(&self, lease: &Lease<C>) {
        if self.shared.picker.failed(lease, Instant::now()) {
            self.shared.counters.ejections.count();
        }
    }
}

/// Keeps the picker's endpoints what the registry says, and says when they are known for the first time.
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
