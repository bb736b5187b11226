//! Picks the instance for each call: of two healthy ones, the one with fewer calls in flight.
//!
//! # Order of preference
//!
//! 1. For the first try of a call: an instance whose probe is due, if the limit on probes allows one.
//! 2. A healthy instance that was not tried and is beyond the call's random threshold in its slow start.
//! 3. Any healthy instance that was not tried.
//! 4. One that may serve ([`Health::may_serve`]) and was not tried; then one that may serve; then one that was not
//!    tried; then any.
//!
//! So a call is left without an instance only if none is known. Within each step the choice is random, by the power
//! of two choices.
//!
//! # Invariants
//!
//! - **One lock.** `Picker::set` holds everything but the counts of calls in flight. Each pick, report and change of
//!   membership happens completely while it is held. It is never held across an await, and the only foreign code
//!   that runs under it is `connect` in [`Picker::replace`]. A picker serves the client of one worker thread, so
//!   only a reader of statistics ever waits for the lock.
//! - **Calls in flight.** An endpoint's count equals the number of its [`Lease`]s. Only creating, cloning and
//!   dropping a lease changes it.
//! - **Membership.** An instance that stays in the set (same id, host and port) keeps its endpoint: connection,
//!   count and health. Leases on an instance that left remain valid; their reports are ignored.
//! - **Health** changes only through the transition table of [`Health`], and only by reports from its current
//!   generation.
//! - **Probes.** An instance that is new or ejected gets one probe at a time: the next call once the probe is due.
//!   `Probes` never expects the next probe later than the earliest `probe_at` of the set; it may expect it earlier,
//!   and then one call searches in vain. At most one call in eight is a probe, after a burst of four, so that many
//!   new instances at once put few calls at risk. A retry or hedge is never a probe.
//! - **Slow start** shifts calls between healthy instances and never rejects one. For each call a number from 0 to 1
//!   is drawn; instances whose share is not above it are skipped while there are others.
//! - **First set.** Instances that join an empty set are assumed healthy, so that a client starts at once.

mod choice;
mod endpoint;
mod probes;

use crate::health::{Event, FULL_SHARE, Health};
use crate::statistics::Observed;
use crate::tally::Observation;
use choice::{from_random_start, two_choices};
use discovery::Instance;
pub use endpoint::{Endpoint, Lease};
use probes::Probes;
use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// The endpoints of a service and their health.
#[derive(Debug)]
pub struct Picker<C> {
    set: Mutex<Set<C>>,
}

#[derive(Debug)]
struct Set<C> {
    members: Vec<Member<C>>,
    probes: Probes,
}

#[derive(Debug)]
struct Member<C> {
    endpoint: Arc<Endpoint<C>>,
    health: Health,
}

impl<C> Default for Picker<C> {
    fn default() -> Self {
        Self { set: Mutex::new(Set { members: Vec::new(), probes: Probes::default() }) }
    }
}

impl<C> Picker<C> {
    /// Replaces the set of instances. `connect` is called for those that join; it must not use the picker.
    pub fn replace(&self, instances: &[Instance], connect: impl Fn(&Instance) -> C, now: Instant) {
        let mut set = self.lock();
        let joins_others = !set.members.is_empty();
        let health = if joins_others { Health::new(now) } else { Health::assumed_healthy(now) };
        let known = set.members.iter().map(|member| (address(member.endpoint.instance()), member));
        let mut known: HashMap<_, _> = known.collect();
        let next = instances.iter().map(|instance| match known.remove(&address(instance)) {
            Some(member) => Member { endpoint: member.endpoint.clone(), health: member.health },
            None => Member { endpoint: Arc::new(Endpoint::new(instance.clone(), connect(instance))), health },
        });
        let next = next.collect();
        let previous = mem::replace(&mut set.members, next);
        set.probes.expect(joins_others.then_some(now));
        drop(set);
        // Closes the connections to those that left, without the lock.
        drop(previous);
    }

    /// Picks an endpoint for a call; `tried` lists those that the call was sent to before. Returns `None` if no
    /// instance is known.
    #[must_use]
    pub fn pick(&self, tried: &[Arc<Endpoint<C>>], now: Instant) -> Option<Lease<C>> {
        self.pick_above(random_threshold(), tried, now)
    }

    fn pick_above(&self, threshold: u64, tried: &[Arc<Endpoint<C>>], now: Instant) -> Option<Lease<C>> {
        let mut set = self.lock();
        if tried.is_empty()
            && let Some(probe) = set.pick_probe(now)
        {
            return Some(probe);
        }
        set.pick_healthy(threshold, tried, now)
            .or_else(|| set.pick_if(|member| member.health.may_serve(now) && member.is_untried(tried)))
            .or_else(|| set.pick_if(|member| member.health.may_serve(now)))
            .or_else(|| set.pick_if(|member| member.is_untried(tried)))
            .or_else(|| set.pick_if(|_| true))
    }

    /// Picks a healthy endpoint that is not in `tried`, if there is one; never as a probe.
    #[must_use]
    pub fn pick_another(&self, tried: &[Arc<Endpoint<C>>], now: Instant) -> Option<Lease<C>> {
        self.lock().pick_healthy(random_threshold(), tried, now)
    }

    /// Returns whether an endpoint other than that of `lease` may serve.
    #[must_use]
    pub fn has_another(&self, lease: &Lease<C>, now: Instant) -> bool {
        let is_other = |member: &Member<C>| !Arc::ptr_eq(&member.endpoint, lease.endpoint());
        self.lock().members.iter().any(|member| is_other(member) && member.health.may_serve(now))
    }

    /// Records what happened to a call. Returns whether it ejected the endpoint.
    pub fn record(&self, lease: &Lease<C>, event: Event, now: Instant) -> bool {
        // Almost every call ends here: a healthy instance stays healthy, and other generations ignore the report.
        if event == Event::Success && lease.health.is_healthy() {
            return false;
        }
        let mut set = self.lock();
        let Some(member) = set.member(lease) else { return false };
        if !member.health.is_same_generation(lease.health) {
            return false;
        }
        member.health = member.health.after(event, now);
        let probe_at = member.health.probe_at();
        set.probes.expect(probe_at);
        event == Event::Failure
    }

    /// Makes a lease current, as if its endpoint had been picked now.
    pub(crate) fn refresh(&self, lease: &mut Lease<C>) {
        if let Some(member) = self.lock().member(lease) {
            lease.health = member.health;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Set<C>> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> Set<C> {
    fn pick_probe(&mut self, now: Instant) -> Option<Lease<C>> {
        if !self.probes.count_call(now) {
            return None;
        }
        let is_due = |index: &usize| self.members[*index].health.is_probe_due(now);
        let due = from_random_start(self.members.len()).find(is_due);
        let probe = due.map(|index| {
            self.probes.charge();
            let member = &mut self.members[index];
            member.health = member.health.after(Event::Probe, now);
            member.lease()
        });
        self.probes.expect(self.members.iter().filter_map(|member| member.health.probe_at()).min());
        probe
    }

    fn pick_healthy(&self, threshold: u64, tried: &[Arc<Endpoint<C>>], now: Instant) -> Option<Lease<C>> {
        let above = |threshold| {
            self.pick_if(|member| member.health.share(now) > threshold && member.is_untried(tried))
        };
        above(threshold).or_else(|| above(0))
    }

    fn pick_if(&self, eligible: impl Fn(&Member<C>) -> bool) -> Option<Lease<C>> {
        let members = &self.members;
        let load = |index: usize| members[index].endpoint.in_flight();
        let index = two_choices(members.len(), |index| eligible(&members[index]), load)?;
        Some(members[index].lease())
    }

    fn member(&mut self, lease: &Lease<C>) -> Option<&mut Member<C>> {
        self.members.iter_mut().find(|member| Arc::ptr_eq(&member.endpoint, lease.endpoint()))
    }
}

impl<C> Member<C> {
    fn lease(&self) -> Lease<C> {
        Lease::new(&self.endpoint, self.health)
    }

    fn is_untried(&self, tried: &[Arc<Endpoint<C>>]) -> bool {
        !tried.iter().any(|endpoint| Arc::ptr_eq(endpoint, &self.endpoint))
    }
}

impl<C: Send + Sync> Observed for Picker<C> {
    fn in_flight(&self) -> usize {
        self.lock().members.iter().map(|member| member.endpoint.in_flight()).sum()
    }

    fn observe(&self) -> Vec<Observation> {
        let observe = |Member { endpoint, health }: &Member<C>| Observation {
            id: endpoint.instance().id.clone(),
            tally: endpoint.tally().clone(),
            ejected: health.is_ejected(),
        };
        self.lock().members.iter().map(observe).collect()
    }
}

fn random_threshold() -> u64 {
    rand::random_range(0..FULL_SHARE)
}

/// Returns what identifies an instance.
fn address(instance: &Instance) -> (&str, &str, u16) {
    (&instance.id, &instance.host, instance.port)
}

#[cfg(test)]
mod tests;
