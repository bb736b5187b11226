//! One instance tried for a call, or two if the first is slow.

use super::attempt::{Attempt, Waited};
use super::connected::Connected;
use super::{Client, Hedge, Mode, Placed};
use crate::error::{Class, Failure};
use crate::picker::Endpoint;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// What one or two tries made of a call.
pub(super) enum Tried<T, E> {
    Answered(T),
    Failed {
        authority: String,
        cause: E,
    },
    /// There was no response for so long that the call goes on elsewhere, which is paid for.
    Silent,
    /// There was none by the caller's deadline.
    Late,
}

impl<T, E: Failure> Tried<T, E> {
    /// Returns whether the service has responded, be it with an error of its own.
    fn is_answer(&self) -> bool {
        match self {
            Self::Answered(_) => true,
            Self::Failed { cause, .. } => cause.class() == Class::Application,
            Self::Silent | Self::Late => false,
        }
    }

    /// Returns whether the call is over, whatever another try may bring.
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
    Fut: Future<Output = Result<T, E>> + Send + 'static,
{
    /// Tries the instance that was picked last, and another beside it if that takes longer than it should.
    pub(super) async fn attempt_or_two(
        &self,
        placed: Placed<C>,
        tried: &mut Vec<Arc<Endpoint<Connected<C>>>>,
    ) -> Tried<T, E> {
        let shared = &*self.client.shared;
        let began = Instant::now();
        let mut attempt = self.start(placed);
        let outcome = match self.patience() {
            Some(patience) => self.drive_two(&mut attempt, patience, tried).await,
            None => self.drive(&mut attempt, tried.len()).await,
        };
        // The time counts from the first try on, also if a second one was faster: else slow instances would vanish
        // from the percentile.
        if self.mode == Mode::Read && shared.options.hedge == Some(Hedge::P95) && outcome.is_answer() {
            shared.latencies.record(began.elapsed());
        }
        outcome
    }

    fn start(&self, placed: Placed<C>) -> Attempt<C, Fut> {
        let response = (self.call)(placed.0.endpoint().connection().connection.clone());
        Attempt::new(&self.client.shared, placed, self.deadline, response)
    }

    async fn drive_two(
        &self,
        first: &mut Attempt<C, Fut>,
        patience: Duration,
        tried: &mut Vec<Arc<Endpoint<Connected<C>>>>,
    ) -> Tried<T, E> {
        if let Ok(outcome) = timeout(patience, self.drive(first, tried.len())).await {
            return outcome;
        }
        let only = tried.len();
        let Some(another) = self.another(tried) else { return self.drive(first, only).await };
        let mut another = self.start(another);
        let (outcome, won) = {
            let mut first = pin!(self.drive(first, only));
            let mut second = pin!(self.drive(&mut another, tried.len()));
            tokio::select! {
                biased;
                outcome = &mut first => if outcome.is_final() { (outcome, false) } else { (second.await, true) },
                outcome = &mut second => if outcome.is_final() { (outcome, true) } else { (first.await, false) },
            }
        };
        if won && outcome.is_answer() {
            self.client.shared.counters.hedges_won.count();
            self.client.shared.picker.outrun(first.lease(), Instant::now());
        }
        outcome
    }

    /// Returns how long the call waits for its first try before a second one, if it may have one.
    fn patience(&self) -> Option<Duration> {
        match self.client.shared.options.hedge {
            Some(Hedge::After(patience)) if self.mode == Mode::Read => Some(patience),
            Some(Hedge::P95) if self.mode == Mode::Read => self.client.shared.latencies.p95(),
            _ => None,
        }
    }

    /// Picks an instance for a second try at the same time, if that leaves a try for the case that both fail.
    fn another(&self, tried: &mut Vec<Arc<Endpoint<Connected<C>>>>) -> Option<Placed<C>> {
        let shared = &*self.client.shared;
        if tried.len() + 1 >= shared.options.tries {
            return None;
        }
        let lease = shared.picker.pick_another(tried, Instant::now())?;
        let room = lease.endpoint().connection().try_enter()?;
        if !shared.pay() {
            return None;
        }
        shared.counters.hedges.count();
        tried.push(lease.endpoint().clone());
        Some((lease, room))
    }

    /// Waits for the response of one instance, after `tried` ones with it. If it is silent and no other is well, it is
    /// waited for: a slow instance is worth more than those that are known to fail.
    async fn drive(&self, attempt: &mut Attempt<C, Fut>, tried: usize) -> Tried<T, E> {
        let result = loop {
            match attempt.wait(self.deadline).await {
                Waited::Ended(result) => break result,
                Waited::Over => return Tried::Late,
                Waited::Silent => {}
            }
            let picker = &self.client.shared.picker;
            let leaves = self.mode == Mode::Read && picker.has_another(attempt.lease(), Instant::now());
            if leaves && self.may_retry(Class::Broken, tried) {
                return Tried::Silent;
            }
        };
        match result {
            Ok(answer) => Tried::Answered(answer),
            Err(cause) if cause.class() == Class::Late => Tried::Late,
            Err(cause) => {
                let authority = attempt.lease().endpoint().instance().authority();
                Tried::Failed { authority, cause }
            }
        }
    }

    /// Takes a further try from the budget, if there is time for it and an instance to try. A call whose connection
    /// was closed because of other calls need not pay: the service has not failed.
    pub(super) fn may_retry(&self, class: Class, tried: usize) -> bool {
        let shared = &self.client.shared;
        let may = tried < shared.options.tries && Instant::now() < self.deadline;
        may && (class == Class::Cut || shared.pay())
    }
}
