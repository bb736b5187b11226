//! One instance tried for a call, or two where the first is slow.

use super::{Client, Hedge, Mode};
use crate::error::{Class, Failure};
use crate::picker::{Endpoint, Lease};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// What one or two instances made of a call.
pub(super) enum Tried<T, E> {
    Answered(T),
    Failed {
        authority: String,
        cause: E,
    },
    /// There was no answer for so long that the call goes on elsewhere, which is paid for.
    Silent,
    /// There was none by the caller's deadline.
    Late,
}

impl<T, E: Failure> Tried<T, E> {
    /// Whether the service has answered, be it by an error of its own.
    fn is_answer(&self) -> bool {
        match self {
            Self::Answered(_) => true,
            Self::Failed { cause, .. } => cause.class() == Class::Application,
            Self::Silent | Self::Late => false,
        }
    }

    /// Whether the call is over, whatever another try may bring.
    fn is_final(&self) -> bool {
        self.is_answer() || matches!(self, Self::Late)
    }
}

/// A call under way.
pub(super) struct Run<'a, C, F> {
    pub(super) client: &'a Client<C>,
    pub(super) deadline: Instant,
    pub(super) mode: Mode,
    pub(super) call: F,
}

impl<C, T, E, F, Fut> Run<'_, C, F>
where
    C: Clone + Send + Sync + 'static,
    E: Failure,
    F: Fn(C) -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    /// Tries the instance of `lease`, the last of `tried`, and where that takes longer than it should another
    /// beside it.
    pub(super) async fn attempt_or_two(
        &self,
        lease: &Lease<C>,
        tried: &mut Vec<Arc<Endpoint<C>>>,
    ) -> Tried<T, E> {
        let shared = &*self.client.shared;
        let began = Instant::now();
        let outcome = match self.patience() {
            Some(patience) => self.attempt_and_another(lease, patience, tried).await,
            None => self.attempt(lease, tried.len()).await,
        };
        // What was won by a second try counts from the first on: else the slow would vanish from the percentile.
        if self.mode == Mode::Read && shared.options.hedge == Some(Hedge::P95) && outcome.is_answer() {
            shared.latencies.record(began.elapsed());
        }
        outcome
    }

    async fn attempt_and_another(
        &self,
        lease: &Lease<C>,
        patience: Duration,
        tried: &mut Vec<Arc<Endpoint<C>>>,
    ) -> Tried<T, E> {
        let mut first = pin!(self.attempt(lease, tried.len()));
        if let Ok(outcome) = timeout(patience, &mut first).await {
            return outcome;
        }
        let Some(another) = self.another(tried) else { return first.await };
        let mut second = pin!(self.attempt(&another, tried.len()));
        let (outcome, won) = tokio::select! {
            biased;
            outcome = &mut first => if outcome.is_final() { (outcome, false) } else { (second.await, true) },
            outcome = &mut second => if outcome.is_final() { (outcome, true) } else { (first.await, false) },
        };
        if won && outcome.is_answer() {
            self.client.shared.counters.hedges_won.count();
            self.client.shared.picker.outrun(lease, Instant::now());
        }
        outcome
    }

    /// How long the call waits before it is tried a second time, if it is to be.
    fn patience(&self) -> Option<Duration> {
        match self.client.shared.options.hedge {
            Some(Hedge::After(patience)) if self.mode == Mode::Read => Some(patience),
            Some(Hedge::P95) if self.mode == Mode::Read => self.client.shared.latencies.p95(),
            _ => None,
        }
    }

    /// Who is tried beside the last of `tried`, where that leaves a try for the case that both fail.
    fn another(&self, tried: &mut Vec<Arc<Endpoint<C>>>) -> Option<Lease<C>> {
        let shared = &*self.client.shared;
        if tried.len() + 1 >= shared.options.tries {
            return None;
        }
        let lease = shared.picker.pick_another(tried, Instant::now()).filter(|_| self.client.pay())?;
        shared.counters.hedges.count();
        tried.push(lease.endpoint().clone());
        Some(lease)
    }

    /// Tries one instance, after `tried` ones with it. Where it is silent and no other is well, it is waited for:
    /// one that is slow is worth more than those that are known to fail.
    async fn attempt(&self, lease: &Lease<C>, tried: usize) -> Tried<T, E> {
        let shared = &*self.client.shared;
        shared.counters.tries.count();
        let mut answer = pin!((self.call)(lease.endpoint().connection().clone()));
        let mut silent = Instant::now() + shared.options.try_timeout;
        let result = loop {
            match timeout_at(silent.min(self.deadline), &mut answer).await {
                Ok(result) => break result,
                Err(_) if silent >= self.deadline => return Tried::Late,
                Err(_) => self.client.failed(lease),
            }
            let leaves = self.mode == Mode::Read && shared.picker.has_another(lease, Instant::now());
            if leaves && self.may_retry(tried) {
                return Tried::Silent;
            }
            silent += shared.options.try_timeout;
        };
        let outcome = match result {
            Ok(answer) => Tried::Answered(answer),
            Err(cause) => Tried::Failed { authority: lease.endpoint().instance().authority(), cause },
        };
        if outcome.is_answer() {
            shared.picker.succeeded(lease, Instant::now());
        } else {
            self.client.failed(lease);
        }
        outcome
    }

    /// Takes a further try from the budget, where there is time for it and somewhere to go.
    pub(super) fn may_retry(&self, tried: usize) -> bool {
        tried < self.client.shared.options.tries && Instant::now() < self.deadline && self.client.pay()
    }
}
