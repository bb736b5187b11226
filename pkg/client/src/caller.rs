//! One call: pick, try, and try elsewhere while that is safe, useful and paid for.

use crate::error::{Class, Error, Failure};
use crate::instances::Instances;
use crate::picker::{Lease, Picker};
use discovery::Instance;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
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

/// Whether a call may be executed twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It changes nothing: it is tried elsewhere whenever its instance does not answer.
    Read,
    /// It is tried elsewhere only where it can't have been executed.
    Write,
}

impl Mode {
    fn may_follow(self, class: Class) -> bool {
        match class {
            Class::Application => false,
            Class::Unsent => true,
            Class::Unavailable | Class::Broken => self == Self::Read,
        }
    }
}

/// How patient a client is.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How long one instance may take before its silence counts as a failure and a read goes elsewhere. A
    /// call that may not be tried elsewhere goes on until the caller's deadline.
    pub try_timeout: Duration,
    /// How many instances one call is sent to at most.
    pub tries: usize,
    /// How long a call waits at most for the registry's first answer.
    pub first_set: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { try_timeout: Duration::from_millis(500), tries: 4, first_set: Duration::from_secs(1) }
    }
}

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
        let (tell, known) = watch::channel(false);
        let stop = CancellationToken::new();
        let follow = follow(picker.clone(), instances.subscribe(), connect, tell);
        tokio::spawn(stop.clone().run_until_cancelled_owned(follow));
        let shared = Shared {
            service: instances.service().to_owned(),
            picker,
            known,
            budget: TpsBudget::new(BUDGET_WINDOW, BUDGET_RESERVE, BUDGET_SHARE),
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
        let deadline = deadline.into();
        let picker = &self.shared.picker;
        self.first_set(deadline).await;
        self.shared.budget.deposit();
        let mut tried = Vec::new();
        loop {
            let lease = picker.pick(&tried, Instant::now()).ok_or_else(|| self.no_instance())?;
            let retry = |class| {
                mode.may_follow(class)
                    && tried.len() + 1 < self.shared.options.tries
                    && Instant::now() < deadline
                    && self.shared.budget.withdraw()
            };
            match self.attempt(&lease, deadline, &call, &retry).await {
                Some(Ok(answer)) => {
                    picker.succeeded(&lease, Instant::now());
                    return Ok(answer);
                }
                Some(Err(cause)) => {
                    let class = cause.class();
                    if class == Class::Application {
                        picker.succeeded(&lease, Instant::now());
                    } else {
                        picker.failed(&lease, Instant::now());
                    }
                    if !retry(class) {
                        return Err(self.failed(&lease, cause));
                    }
                }
                None if Instant::now() < deadline => {}
                None => return Err(self.late()),
            }
            tried.push(lease.endpoint().clone());
        }
    }

    /// Tries one instance. `None` where it did not answer by `deadline`, or is silent for so long that the
    /// call goes elsewhere.
    async fn attempt<T, E, F, Fut>(
        &self,
        lease: &Lease<C>,
        deadline: Instant,
        call: &F,
        retry: &impl Fn(Class) -> bool,
    ) -> Option<Result<T, E>>
    where
        F: Fn(C) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let mut answer = pin!(call(lease.endpoint().connection().clone()));
        let silent = Instant::now() + self.shared.options.try_timeout;
        if silent < deadline {
            if let Ok(answer) = timeout_at(silent, &mut answer).await {
                return Some(answer);
            }
            self.shared.picker.failed(lease, Instant::now());
            if retry(Class::Broken) {
                return None;
            }
        }
        timeout_at(deadline, answer).await.ok()
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

    fn no_instance<E>(&self) -> Error<E> {
        Error::NoInstance { service: self.shared.service.clone() }
    }

    fn late<E>(&self) -> Error<E> {
        Error::Late { service: self.shared.service.clone() }
    }

    fn failed<E>(&self, lease: &Lease<C>, cause: E) -> Error<E> {
        let authority = lease.endpoint().instance().authority();
        Error::Failed { service: self.shared.service.clone(), authority, cause }
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
