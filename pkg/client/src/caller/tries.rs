//! The tries of one call: each at one instance, or at two if it is hedged.

use super::attempt::{Attempt, Waited};
use super::connected::Connected;
use super::hedge::hedge;
use super::options::{Hedge, Mode};
use super::shared::{Reserved, Shared};
use super::traced::{self, Reason};
use crate::error::{Class, Failure};
use crate::health::Event;
use crate::picker::Endpoint;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use trace::Span;

/// The result of one try, possibly hedged.
pub(super) enum Tried<T, E> {
    Succeeded(T),
    Failed {
        authority: String,
        cause: E,
    },
    /// There was no response within the time of a try. The budget has paid for a retry.
    Silent,
    /// There was no response by the deadline.
    Late,
}

impl<T, E: Failure> Tried<T, E> {
    /// Returns whether the service has responded, possibly with an error of its own.
    fn is_response(&self) -> bool {
        match self {
            Self::Succeeded(_) => true,
            Self::Failed { cause, .. } => cause.class() == Class::Application,
            Self::Silent | Self::Late => false,
        }
    }

    /// Returns whether the call is over, whatever another try may bring.
    fn is_final(&self) -> bool {
        self.is_response() || matches!(self, Self::Late)
    }
}

/// A call in progress.
pub(super) struct Tries<'a, C, F> {
    pub(super) shared: &'a Arc<Shared<C>>,
    pub(super) deadline: Instant,
    pub(super) mode: Mode,
    pub(super) call: F,
}

impl<C, T, E, F, Fut> Tries<'_, C, F>
where
    C: Clone + Send + Sync + 'static,
    E: Failure,
    F: Fn(C, &Span) -> Fut,
    Fut: Future<Output = Result<T, E>> + Send + 'static,
{
    /// Sends the call to the reserved instance, and to a second one if the first is slow and reads are hedged.
    /// `tried` lists the instances of all tries including this one.
    pub(super) async fn send(
        &self,
        reserved: Reserved<C>,
        tried: &mut Vec<Arc<Endpoint<Connected<C>>>>,
    ) -> Tried<T, E> {
        let began = Instant::now();
        let reason = if tried.len() == 1 { Reason::First } else { Reason::Retry };
        let mut first = self.start(reserved, tried.len(), reason);
        let outcome = match self.hedge_delay() {
            Some(delay) => self.finish_hedged(&mut first, delay, tried).await,
            None => self.finish(&mut first, tried.len()).await,
        };
        // The latency counts from the start of the first try even if the second was faster. Otherwise slow instances
        // would disappear from the percentile.
        let shared = self.shared;
        if self.mode == Mode::Read && shared.options.hedge == Some(Hedge::P95) && outcome.is_response() {
            shared.latencies.record(began.elapsed());
        }
        outcome
    }

    /// Starts an attempt, the `number`th of the call.
    fn start(&self, reserved: Reserved<C>, number: usize, reason: Reason) -> Attempt<C, Fut> {
        let endpoint = reserved.lease.endpoint();
        let span = traced::start(endpoint.instance(), number, reason);
        let response = span.enter(|| (self.call)(endpoint.connection().connection.clone(), &span));
        Attempt::new(self.shared, reserved, self.deadline, span, response)
    }

    /// Returns how long the first try may take before a second one is sent as well.
    fn hedge_delay(&self) -> Option<Duration> {
        match self.shared.options.hedge {
            Some(Hedge::After(delay)) if self.mode == Mode::Read => Some(delay),
            Some(Hedge::P95) if self.mode == Mode::Read => self.shared.latencies.p95(),
            _ => None,
        }
    }

    async fn finish_hedged(
        &self,
        first: &mut Attempt<C, Fut>,
        delay: Duration,
        tried: &mut Vec<Arc<Endpoint<Connected<C>>>>,
    ) -> Tried<T, E> {
        let count = tried.len();
        let start_second = || {
            let mut second = self.start_second(tried)?;
            let count = tried.len();
            Some(async move { self.finish(&mut second, count).await })
        };
        let finish_first = self.finish(first, count);
        let (outcome, by_second) = hedge(finish_first, delay, start_second, Tried::is_final).await;
        if by_second && outcome.is_response() {
            self.shared.counters.hedges_won.count();
            first.record(Event::Outpaced);
        }
        outcome
    }

    /// Starts a second try at the same time, if that leaves a try for the case that both fail.
    fn start_second(&self, tried: &mut Vec<Arc<Endpoint<Connected<C>>>>) -> Option<Attempt<C, Fut>> {
        if tried.len() + 1 >= self.shared.options.tries {
            return None;
        }
        let reserved = self.shared.reserve_hedge(tried)?;
        self.shared.counters.hedges.count();
        tried.push(reserved.lease.endpoint().clone());
        Some(self.start(reserved, tried.len(), Reason::Hedge))
    }

    /// Waits for the end of an attempt, the `tried`th of the call. If the instance is silent and no other may serve,
    /// continues to wait: a slow instance is better than one that is known to fail.
    async fn finish(&self, attempt: &mut Attempt<C, Fut>, tried: usize) -> Tried<T, E> {
        let result = loop {
            match attempt.wait(self.deadline).await {
                Waited::Ended(result) => break result,
                Waited::TimedOut => return Tried::Late,
                Waited::Silent => {}
            }
            let picker = &self.shared.picker;
            let can_leave = self.mode == Mode::Read && picker.has_another(attempt.lease(), Instant::now());
            if can_leave && self.may_retry(Class::Broken, tried) {
                return Tried::Silent;
            }
        };
        match result {
            Ok(response) => Tried::Succeeded(response),
            Err(cause) if cause.class() == Class::Late => Tried::Late,
            Err(cause) => {
                let authority = attempt.lease().endpoint().instance().authority();
                Tried::Failed { authority, cause }
            }
        }
    }

    /// Takes a further try from the retry budget, if there is time and a try left. A call whose connection was closed
    /// because of other calls is not charged: the service has not failed.
    pub(super) fn may_retry(&self, class: Class, tried: usize) -> bool {
        let is_possible = tried < self.shared.options.tries && Instant::now() < self.deadline;
        is_possible && (class == Class::Cut || self.shared.withdraw())
    }
}
