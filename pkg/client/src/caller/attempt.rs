//! One try of a call at one instance, which may outlive its caller.

use super::Shared;
use super::connected::Connected;
use crate::error::{Class, Failure};
use crate::picker::Lease;
use std::pin::Pin;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

/// The result of a call, which says something about its instance.
pub(super) trait Verdict {
    fn class(&self) -> Class;
}

impl<T, E: Failure> Verdict for Result<T, E> {
    fn class(&self) -> Class {
        self.as_ref().map_or_else(Failure::class, |_| Class::Application)
    }
}

/// What came of waiting for a response.
pub(super) enum Waited<T> {
    Ended(T),
    /// The instance is silent for as long as one try may take, once more.
    Silent,
    /// The time to wait is over.
    Over,
}

/// One try of a call at one instance.
///
/// If it is dropped before its end, because its caller hung up, ran out of time or was served by another
/// instance, it is finished in a task of its own, if the instance has room for one more such call. So the
/// connection that many calls share is spared a reset, and what the try finds out about the instance is recorded,
/// however short its caller's patience.
pub(super) struct Attempt<C, F>
where
    C: Send + Sync + 'static,
    F: Future<Output: Verdict> + Send + 'static,
{
    shared: Arc<Shared<C>>,
    lease: Lease<Connected<C>>,
    /// `None` after its end.
    response: Option<Pin<Box<F>>>,
    /// When the instance's silence counts as a failure.
    silent: Instant,
    /// When the try is given up.
    limit: Instant,
    room: Option<OwnedSemaphorePermit>,
    /// Present while no caller waits for it.
    abandoned: Option<OwnedSemaphorePermit>,
}

impl<C, F> Attempt<C, F>
where
    C: Send + Sync + 'static,
    F: Future<Output: Verdict> + Send + 'static,
{
    /// Starts a try whose caller waits until `deadline`. It lasts as long as one try may take in any case.
    pub(super) fn new(
        shared: &Arc<Shared<C>>,
        (lease, room): (Lease<Connected<C>>, OwnedSemaphorePermit),
        deadline: Instant,
        response: F,
    ) -> Self {
        shared.counters.tries.count();
        let silent = Instant::now() + shared.options.try_timeout;
        Self {
            shared: shared.clone(),
            lease,
            response: Some(Box::pin(response)),
            silent,
            limit: silent.max(deadline),
            room: Some(room),
            abandoned: None,
        }
    }

    pub(super) fn lease(&self) -> &Lease<Connected<C>> {
        &self.lease
    }

    /// Waits for the response until `until`, or until the instance was silent for too long. Can be called again
    /// after it was dropped or has returned anything but [`Waited::Ended`].
    pub(super) async fn wait(&mut self, until: Instant) -> Waited<F::Output> {
        let Some(response) = &mut self.response else { return Waited::Over };
        match timeout_at(self.silent.min(until), response).await {
            Ok(output) => {
                self.response = None;
                self.shared.ended(&self.lease, output.class());
                Waited::Ended(output)
            }
            Err(_) if self.silent > until => Waited::Over,
            Err(_) => {
                self.shared.failed(&self.lease);
                self.silent += self.shared.options.try_timeout;
                Waited::Silent
            }
        }
    }

    /// Waits until its end, for what it says about the instance.
    async fn finish(mut self) {
        while matches!(self.wait(self.limit).await, Waited::Silent) {}
    }
}

impl<C, F> Drop for Attempt<C, F>
where
    C: Send + Sync + 'static,
    F: Future<Output: Verdict> + Send + 'static,
{
    fn drop(&mut self) {
        let Some(response) = self.response.take() else { return };
        if self.abandoned.is_some() || self.limit <= Instant::now() {
            return;
        }
        let abandoned = self.lease.endpoint().connection().try_abandon();
        if let (Some(_), Ok(runtime)) = (&abandoned, Handle::try_current()) {
            let rest = Self {
                shared: self.shared.clone(),
                lease: self.lease.clone(),
                response: Some(response),
                silent: self.silent,
                limit: self.limit,
                room: self.room.take(),
                abandoned,
            };
            runtime.spawn(rest.finish());
        }
    }
}
