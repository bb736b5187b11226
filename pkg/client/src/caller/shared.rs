//! State that all calls of a client share: the connected instances, the retry budget and the counters.

use super::connected::{Connected, Permit};
use super::options::Options;
use crate::budget::RetryBudget;
use crate::error::Error;
use crate::health::Event;
use crate::instances::Instances;
use crate::latency::Latencies;
use crate::picker::{Endpoint, Lease, Picker};
use crate::statistics::Counters;
use discovery::{Instance, InstanceSet};
use std::sync::{Arc, Weak};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};

/// State that all calls of a client share.
pub(super) struct Shared<C> {
    pub(super) service: String,
    pub(super) picker: Arc<Picker<Connected<C>>>,
    pub(super) latencies: Latencies,
    pub(super) counters: Arc<Counters>,
    pub(super) options: Options,
    budget: Arc<RetryBudget>,
    /// Whether the registry has reported a first set of instances.
    has_set: watch::Receiver<bool>,
    _follower: DropGuard,
}

/// An endpoint that was picked for a call, with a permit for the call.
pub(super) struct Reserved<C> {
    pub(super) lease: Lease<Connected<C>>,
    pub(super) permit: Permit,
}

impl<C: Send + Sync + 'static> Shared<C> {
    /// Follows `instances` in a task of the current runtime until the value is dropped.
    pub(super) fn new(
        instances: &Instances,
        connect: impl Fn(&Instance) -> C + Send + 'static,
        options: Options,
    ) -> Self {
        let picker = Arc::new(Picker::default());
        let observed: Weak<Picker<Connected<C>>> = Arc::downgrade(&picker);
        let budget = Arc::new(RetryBudget::new());
        instances.counters().observe(observed, budget.clone());
        let (has_set_sender, has_set) = watch::channel(false);
        let stop = CancellationToken::new();
        let connect = move |instance: &Instance| Connected::new(connect(instance), &options);
        let follow = follow(picker.clone(), instances.subscribe(), connect, has_set_sender);
        tokio::spawn(stop.clone().run_until_cancelled_owned(follow));
        Self {
            service: instances.service().to_owned(),
            picker,
            latencies: Latencies::new(),
            counters: instances.counters().clone(),
            options,
            budget,
            has_set,
            _follower: stop.drop_guard(),
        }
    }

    /// Waits for the first set of instances, then adds a call to the retry budget.
    pub(super) async fn begin<E>(&self, deadline: Instant) -> Result<(), Error<E>> {
        if !*self.has_set.borrow() {
            let mut has_set = self.has_set.clone();
            let limit = deadline.min(Instant::now() + self.options.first_set);
            let first = timeout_at(limit, has_set.wait_for(|has_set| *has_set)).await;
            first.ok().and_then(Result::ok).ok_or_else(|| self.no_instance())?;
        }
        self.budget.deposit();
        Ok(())
    }

    /// Picks an endpoint that has capacity for a call. If the picked one has none, waits for it as long as one try
    /// may take, then picks again. A busy instance does not count as failed.
    pub(super) async fn reserve<E>(
        &self,
        tried: &[Arc<Endpoint<Connected<C>>>],
        deadline: Instant,
    ) -> Result<Reserved<C>, Error<E>> {
        loop {
            let now = Instant::now();
            if now >= deadline {
                return Err(self.late());
            }
            let mut lease = self.picker.pick(tried, now).ok_or_else(|| self.no_instance())?;
            if let Some(permit) = lease.endpoint().connection().try_acquire() {
                return Ok(Reserved { lease, permit });
            }
            let until = deadline.min(now + self.options.try_timeout);
            let acquired = timeout_at(until, lease.endpoint().connection().acquire()).await;
            if let Ok(Some(permit)) = acquired {
                self.picker.refresh(&mut lease);
                return Ok(Reserved { lease, permit });
            }
        }
    }

    /// Picks another healthy endpoint for a hedge, if there is one with capacity and the retry budget allows it.
    pub(super) fn reserve_hedge(&self, tried: &[Arc<Endpoint<Connected<C>>>]) -> Option<Reserved<C>> {
        let lease = self.picker.pick_another(tried, Instant::now())?;
        let permit = lease.endpoint().connection().try_acquire()?;
        self.withdraw().then_some(Reserved { lease, permit })
    }

    /// Takes one further try from the retry budget. Returns false if the budget is used up.
    pub(super) fn withdraw(&self) -> bool {
        let allowed = self.budget.withdraw();
        if !allowed {
            self.counters.refusals.count();
            trace::event("retry refused by budget");
        }
        allowed
    }

    /// Records what happened to a try. Returns whether it ejected the instance.
    pub(super) fn record(&self, lease: &Lease<Connected<C>>, event: Event) -> bool {
        let is_ejected = self.picker.record(lease, event, Instant::now());
        if is_ejected {
            self.counters.ejections.count();
        }
        is_ejected
    }

    /// Returns the error of a call that got no response by its deadline.
    pub(super) fn late<E>(&self) -> Error<E> {
        Error::Late { service: self.service.clone() }
    }

    fn no_instance<E>(&self) -> Error<E> {
        Error::NoInstance { service: self.service.clone() }
    }
}

/// Updates the picker as the registry reports changes, and sets `has_set` on the first report.
async fn follow<C>(
    picker: Arc<Picker<C>>,
    mut sets: watch::Receiver<Option<InstanceSet>>,
    connect: impl Fn(&Instance) -> C,
    has_set: watch::Sender<bool>,
) {
    while sets.changed().await.is_ok() {
        let set = sets.borrow_and_update().clone();
        if let Some(set) = set {
            picker.replace(&set, &connect, Instant::now());
            has_set.send_replace(true);
        }
    }
}
