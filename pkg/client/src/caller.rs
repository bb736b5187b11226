//! One call: pick an instance, try it, and try another if that is safe, useful and within the retry budget.

mod attempt;
mod connected;
mod hedge;
mod options;
mod shared;
mod traced;
mod tries;

pub use options::{Hedge, Mode, Options};

use crate::error::{Class, Error, Failure};
use crate::instances::Instances;
use crate::statistics::{Outcome, Reason};
use discovery::Instance;
use shared::Shared;
use std::fmt;
use std::sync::Arc;
use tokio::time::Instant;
use trace::Span;
use tries::{Tried, Tries};

/// Calls the instances of one service over connections of type `C`. Clones share the connections.
///
/// A client belongs to the runtime on which it was created. A task on that runtime opens a connection when an
/// instance appears and drops it when the instance leaves, until the last clone is dropped.
pub struct Client<C> {
    shared: Arc<Shared<C>>,
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
        Self { shared: Arc::new(Shared::new(instances, connect, options)) }
    }

    /// Runs `call` with the connection to an instance, and again with that of another instance if it failed in a
    /// way that `mode` allows to retry and the retry budget is not used up.
    ///
    /// If the current request is sampled, each attempt has a span, a child of the current one. `call` gets it to name and
    /// describe it; it is the current span while `call` and its future run.
    ///
    /// If the caller drops the future, the call may continue to its end in a task of its own.
    ///
    /// # Errors
    ///
    /// No instance is known, no response came by `deadline`, or the error of the last try.
    pub async fn call<T, E, F, Fut>(
        &self,
        deadline: impl Into<Instant>,
        mode: Mode,
        call: F,
    ) -> Result<T, Error<E>>
    where
        E: Failure,
        F: Fn(C, &Span) -> Fut,
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
        F: Fn(C, &Span) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
    {
        let shared = &self.shared;
        shared.begin(deadline).await?;
        let tries = Tries { shared, deadline, mode, call };
        let mut tried = Vec::new();
        loop {
            let reserved = shared.reserve(&tried, deadline).await?;
            tried.push(reserved.lease.endpoint().clone());
            let reason = match tries.send(reserved, &mut tried).await {
                Tried::Succeeded(response) => return Ok(response),
                Tried::Failed { authority, cause } => {
                    let class = cause.class();
                    let reason = mode.retry_reason(class).filter(|_| tries.may_retry(class, tried.len()));
                    let service = || shared.service.clone();
                    reason.ok_or_else(|| Error::Failed { service: service(), authority, cause })?
                }
                Tried::Silent => Reason::Silent,
                Tried::Late => return Err(shared.late()),
            };
            shared.counters.retried(reason);
        }
    }
}
