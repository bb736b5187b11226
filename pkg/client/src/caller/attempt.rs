//! One try of a call at one instance, which may outlive its caller.

use super::connected::{Connected, Permit};
use super::shared::{Reserved, Shared};
use super::traced;
use crate::error::{Class, Failure};
use crate::health::Event;
use crate::picker::Lease;
use crate::tally::TryOutcome;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};
use trace::Span;

/// The result of a call, which has a [`Class`].
pub(super) trait Classified {
    fn class(&self) -> Class;

    /// Returns how the call ended, for its metrics.
    fn outcome(&self) -> TryOutcome;

    /// Returns how the call ended, for its span.
    fn description(&self) -> &'static str;
}

impl<T, E: Failure> Classified for Result<T, E> {
    fn class(&self) -> Class {
        self.as_ref().map_or_else(Failure::class, |_| Class::Application)
    }

    fn outcome(&self) -> TryOutcome {
        TryOutcome::of(self)
    }

    fn description(&self) -> &'static str {
        self.as_ref().map_or_else(|error| error.class().name(), |_| "ok")
    }
}

/// The result of waiting for a response.
pub(super) enum Waited<T> {
    Ended(T),
    /// The instance was silent for as long as one try may take, or for as long again.
    Silent,
    /// The time to wait is over.
    TimedOut,
}

/// One try of a call at one instance.
///
/// If it is dropped before its end, because its caller hung up, ran out of time or got the response of another
/// instance, it continues in a task of its own, if the instance has capacity for one more such call. This saves the
/// connection that many calls share from a reset, and what the try shows about the instance is recorded even if its
/// caller did not wait long.
pub(super) struct Attempt<C, F>
where
    C: Send + Sync + 'static,
    F: Future<Output: Classified> + Send + 'static,
{
    shared: Arc<Shared<C>>,
    lease: Lease<Connected<C>>,
    /// `None` after its end.
    response: Option<Pin<Box<F>>>,
    began: Instant,
    /// When the silence of the instance counts as a failure.
    silent_at: Instant,
    /// When the try is abandoned.
    limit: Instant,
    permit: Option<Permit>,
    /// Present if no caller waits.
    abandoned: Option<Permit>,
    /// Ends with the response, or when the try is abandoned.
    span: Span,
}

impl<C, F> Attempt<C, F>
where
    C: Send + Sync + 'static,
    F: Future<Output: Classified> + Send + 'static,
{
    /// Starts a try whose caller waits until `deadline`. The try may last as long as one try may take in any case.
    pub(super) fn new(
        shared: &Arc<Shared<C>>,
        Reserved { lease, permit }: Reserved<C>,
        deadline: Instant,
        span: Span,
        response: F,
    ) -> Self {
        shared.counters.tries.count();
        let began = Instant::now();
        let silent_at = began + shared.options.try_timeout;
        Self {
            shared: shared.clone(),
            lease,
            response: Some(Box::pin(response)),
            began,
            silent_at,
            limit: silent_at.max(deadline),
            permit: Some(permit),
            abandoned: None,
            span,
        }
    }

    pub(super) fn lease(&self) -> &Lease<Connected<C>> {
        &self.lease
    }

    /// Records what the try shows about its instance.
    pub(super) fn record(&self, event: Event) {
        if self.shared.record(&self.lease, event) {
            self.span.event("instance ejected");
        }
    }

    /// Waits for the response until `until`, or until the instance was silent for too long. May be called again after
    /// it was dropped or has returned anything but [`Waited::Ended`].
    pub(super) async fn wait(&mut self, until: Instant) -> Waited<F::Output> {
        let Some(response) = &mut self.response else { return Waited::TimedOut };
        match timeout_at(self.silent_at.min(until), self.span.run(response)).await {
            Ok(output) => {
                self.response = None;
                self.count(output.outcome());
                if let Some(event) = Event::of(output.class()) {
                    self.record(event);
                }
                traced::end(mem::take(&mut self.span), output.description());
                Waited::Ended(output)
            }
            Err(_) if self.silent_at > until => Waited::TimedOut,
            Err(_) => {
                self.span.event("silent");
                self.record(Event::Failure);
                self.silent_at += self.shared.options.try_timeout;
                Waited::Silent
            }
        }
    }

    fn count(&self, outcome: TryOutcome) {
        self.lease.endpoint().tally().count(outcome, self.began.elapsed());
    }

    /// Counts a try that is given up without a response.
    fn count_unanswered(&self) {
        let is_late = self.began.elapsed() >= self.shared.options.try_timeout;
        self.count(if is_late { TryOutcome::Late } else { TryOutcome::Cancelled });
    }

    /// Waits for the end, for what it shows about the instance.
    async fn finish(mut self) {
        while matches!(self.wait(self.limit).await, Waited::Silent) {}
    }
}

impl<C, F> Drop for Attempt<C, F>
where
    C: Send + Sync + 'static,
    F: Future<Output: Classified> + Send + 'static,
{
    fn drop(&mut self) {
        let Some(response) = self.response.take() else { return };
        let span = mem::take(&mut self.span);
        let is_over = self.limit <= Instant::now();
        if is_over || self.abandoned.is_some() {
            self.count_unanswered();
            return traced::end(span, if is_over { "silent" } else { "cancelled" });
        }
        let abandoned = self.lease.endpoint().connection().try_abandon();
        if let (Some(_), Ok(runtime)) = (&abandoned, Handle::try_current()) {
            span.event("abandoned");
            let rest = Self {
                shared: self.shared.clone(),
                lease: self.lease.clone(),
                response: Some(response),
                began: self.began,
                silent_at: self.silent_at,
                limit: self.limit,
                permit: self.permit.take(),
                abandoned,
                span,
            };
            runtime.spawn(rest.finish());
        } else {
            self.count_unanswered();
            traced::end(span, "cancelled");
        }
    }
}
