//! Which instance gets the next call: of two that are well, the one with fewer calls in flight.

mod endpoint;
mod probes;

use crate::error::Class;
use crate::statistics::Observed;
use arc_swap::ArcSwap;
use discovery::Instance;
pub use endpoint::Endpoint;
use endpoint::{Standing, milliseconds};
use probes::Probes;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// How long the first ejection lasts; each further one in a row lasts twice as long.
const FIRST_EJECTION: Duration = Duration::from_millis(100);

/// How many times the length of an ejection doubles, up to 6.4 s.
const DOUBLINGS: u32 = 6;

/// How long a probe's answer is waited for before another call is the next: longer than a try usually may take.
const PROBE: Duration = Duration::from_secs(1);

/// For how long an instance that has answered its probe gets less than its share.
const SLOW_START: Duration = Duration::from_secs(1);

/// An instance's whole share of the calls.
const FULL: u64 = 1000;

/// What an instance gets of its share at the beginning of its slow start.
const LEAST: u64 = 100;

/// How often an unsuitable draw is drawn again before the list is searched.
const DRAWS: usize = 4;

/// The endpoints of a service and how each of them does.
///
/// An instance that is new, or whose ejection is over, gets one call: its probe, which is the very next call,
/// or one of the next where many are due, since at most one call in eight is a probe. Nothing else goes there
/// until a call has been answered, unless nobody is well. Then it starts slowly: after `t` seconds of this it
/// gets `max(t, 0.1)` of the share of the calls that it has from 1 s on. For each call a number from 0 to 1 is
/// thrown, and those are drawn from whose part of their share is above it. Slow start never leaves a call
/// without an instance: where none is above the throw, it doesn't count. Who comes while there is nobody
/// starts in full.
#[derive(Debug)]
pub struct Picker<C> {
    endpoints: ArcSwap<Vec<Arc<Endpoint<C>>>>,
    probes: Probes,
    start: Instant,
}

impl<C> Picker<C> {
    /// A picker that knows nobody yet; no later call names a time before `now`.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { endpoints: ArcSwap::default(), probes: Probes::new(), start: now }
    }

    /// Takes over who there is. Who stays keeps its connection, its calls and its standing. Not to be called
    /// from two threads at once.
    pub fn replace(&self, instances: &[Instance], connect: impl Fn(&Instance) -> C, now: Instant) {
        let present = self.endpoints.load_full();
        let now = self.since_epoch(now);
        let newcomer = if present.is_empty() { Standing::well() } else { Standing::new(now) };
        let mut known: HashMap<_, _> =
            present.iter().map(|endpoint| (address(endpoint.instance()), endpoint)).collect();
        let next = instances.iter().map(|instance| match known.remove(&address(instance)) {
            Some(endpoint) => endpoint.clone(),
            None => Arc::new(Endpoint::new(instance.clone(), connect(instance), newcomer)),
        });
        self.endpoints.store(Arc::new(next.collect()));
        self.probes.expect(milliseconds(now));
    }

    /// Picks an endpoint for a call. In order of preference: one whose probe is due, if nothing was tried; one
    /// that is well and not in `tried`; one that may be well, not in `tried`; one that may be well; an ejected
    /// one not in `tried`; any. `None` where there is none at all.
    #[must_use]
    pub fn pick(&self, tried: &[Arc<Endpoint<C>>], now: Instant) -> Option<Lease<C>> {
        self.pick_above(throw(), tried, now)
    }

    /// Picks among those that get more of their share than was `thrown`, where there are such.
    fn pick_above(&self, thrown: u64, tried: &[Arc<Endpoint<C>>], now: Instant) -> Option<Lease<C>> {
        let at = self.since_epoch(now);
        if tried.is_empty()
            && self.probes.may_be_one(milliseconds(at))
            && let Some(lease) = self.probe(at)
        {
            return Some(lease);
        }
        self.pick_well_above(thrown, tried, at).or_else(|| {
            let endpoints = self.endpoints.load();
            let serves = |endpoint: &Arc<Endpoint<C>>| endpoint.standing().may_serve(at);
            let chosen = two_choices(&endpoints, |endpoint| serves(endpoint) && fresh(endpoint, tried))
                .or_else(|| two_choices(&endpoints, serves))
                .or_else(|| two_choices(&endpoints, |endpoint| fresh(endpoint, tried)))
                .or_else(|| two_choices(&endpoints, |_| true))?;
            Some(Lease::new(chosen))
        })
    }

    /// Picks an endpoint that is well and not in `tried`, if there is one: never a probe.
    #[must_use]
    pub fn pick_another(&self, tried: &[Arc<Endpoint<C>>], now: Instant) -> Option<Lease<C>> {
        self.pick_well_above(throw(), tried, self.since_epoch(now))
    }

    /// Tells whether another endpoint than that of `lease` is well, or may be again.
    #[must_use]
    pub fn has_another(&self, lease: &Lease<C>, now: Instant) -> bool {
        let at = self.since_epoch(now);
        let other = |endpoint: &&Arc<Endpoint<C>>| !Arc::ptr_eq(endpoint, &lease.endpoint);
        self.endpoints.load().iter().filter(other).any(|endpoint| endpoint.standing().may_serve(at))
    }

    fn pick_well_above(&self, thrown: u64, tried: &[Arc<Endpoint<C>>], at: Duration) -> Option<Lease<C>> {
        let endpoints = self.endpoints.load();
        let above = |share: u64| {
            two_choices(&endpoints, |endpoint| {
                endpoint.standing().share(at) > share && fresh(endpoint, tried)
            })
        };
        above(thrown).or_else(|| above(0)).map(Lease::new)
    }

    /// Picks an endpoint whose probe is due, beginning anywhere in the list, and sees when the next is due.
    fn probe(&self, at: Duration) -> Option<Lease<C>> {
        // Who joins after this load, or fails after its standing was read, is expected by itself.
        let endpoints = self.endpoints.load();
        let (before, after) = endpoints.split_at(random_index(&endpoints)?);
        let mut next = u64::MAX;
        let mut found = None;
        for endpoint in after.iter().chain(before) {
            if found.is_none() && endpoint.move_on(endpoint.standing(), |standing| standing.probed(at)) {
                found = Some(Lease::new(endpoint));
                self.probes.pay();
            }
            let standing = endpoint.standing();
            if !standing.is_well() {
                next = next.min(standing.turn());
            }
        }
        self.probes.expect(next);
        found
    }

    /// Records the end of a call. Returns whether that ejected its endpoint. That a call ran out of its time, or that
    /// its connection was closed because of other calls, changes nothing.
    pub fn ended(&self, lease: &Lease<C>, class: Class, now: Instant) -> bool {
        match class {
            Class::Application => self.succeeded(lease, now),
            Class::Unavailable | Class::Unsent | Class::Broken => return self.failed(lease, now),
            Class::Late | Class::Cut => {}
        }
        false
    }

    /// Takes note that a call was answered.
    pub fn succeeded(&self, lease: &Lease<C>, now: Instant) {
        let at = self.since_epoch(now);
        lease.endpoint.move_on(lease.standing, |standing| standing.answered(at));
    }

    /// Takes note that a call failed: its endpoint is ejected for a while. Calls that were picked before the
    /// last ejection tell nothing new, so that ten that fail at once count as one. Tells whether it is ejected by
    /// this.
    pub fn failed(&self, lease: &Lease<C>, now: Instant) -> bool {
        let at = self.since_epoch(now);
        let ejected = lease.endpoint.move_on(lease.standing, |standing| standing.ejected(at));
        if ejected {
            self.probes.expect(lease.endpoint.standing().turn());
        }
        ejected
    }

    /// Records that an endpoint that was tried later responded first: the slower one starts slowly again. That is no
    /// failure.
    pub fn outrun(&self, lease: &Lease<C>, now: Instant) {
        let at = self.since_epoch(now);
        lease.endpoint.move_on(lease.standing, |standing| standing.outrun(at));
    }

    /// The epoch is a slow start before the picker's first moment, so that who is well since then is through.
    fn since_epoch(&self, now: Instant) -> Duration {
        SLOW_START + now.saturating_duration_since(self.start)
    }
}

impl<C: Send + Sync> Observed for Picker<C> {
    fn in_flight(&self) -> usize {
        self.endpoints.load().iter().map(|endpoint| endpoint.in_flight()).sum()
    }

    fn ejected(&self) -> Vec<Instance> {
        let endpoints = self.endpoints.load();
        let ejected = endpoints.iter().filter(|endpoint| endpoint.standing().has_failed());
        ejected.map(|endpoint| endpoint.instance().clone()).collect()
    }
}

fn throw() -> u64 {
    rand::random_range(0..FULL)
}

fn fresh<C>(endpoint: &Arc<Endpoint<C>>, tried: &[Arc<Endpoint<C>>]) -> bool {
    !tried.iter().any(|other| Arc::ptr_eq(other, endpoint))
}

/// What makes two instances the same one.
fn address(instance: &Instance) -> (&str, &str, u16) {
    (&instance.id, &instance.host, instance.port)
}

fn two_choices<T>(
    endpoints: &[Arc<Endpoint<T>>],
    fits: impl Fn(&Arc<Endpoint<T>>) -> bool,
) -> Option<&Arc<Endpoint<T>>> {
    let first = draw(endpoints, &fits)?;
    let another = |endpoint: &Arc<Endpoint<T>>| !Arc::ptr_eq(endpoint, first) && fits(endpoint);
    match draw(endpoints, another) {
        Some(second) if second.in_flight() < first.in_flight() => Some(second),
        _ => Some(first),
    }
}

/// One of those that fit, at random; with equal chances where most fit.
fn draw<T>(
    endpoints: &[Arc<Endpoint<T>>],
    fits: impl Fn(&Arc<Endpoint<T>>) -> bool,
) -> Option<&Arc<Endpoint<T>>> {
    for _ in 0..DRAWS {
        let drawn = &endpoints[random_index(endpoints)?];
        if fits(drawn) {
            return Some(drawn);
        }
    }
    let (before, after) = endpoints.split_at(random_index(endpoints)?);
    after.iter().chain(before).find(|endpoint| fits(endpoint))
}

fn random_index<T>(all: &[T]) -> Option<usize> {
    (!all.is_empty()).then(|| rand::random_range(0..all.len()))
}

/// A call's hold on its endpoint, which counts as in flight until this is dropped.
#[derive(Debug)]
pub struct Lease<C> {
    endpoint: Arc<Endpoint<C>>,
    /// How the endpoint stood when it was picked.
    standing: Standing,
}

impl<C> Lease<C> {
    /// Treats the endpoint as picked now, after the call had to wait.
    pub(crate) fn refresh(&mut self) {
        self.standing = self.endpoint.standing();
    }

    fn new(endpoint: &Arc<Endpoint<C>>) -> Self {
        endpoint.in_flight.fetch_add(1, Ordering::Relaxed);
        Self { standing: endpoint.standing(), endpoint: endpoint.clone() }
    }

    /// Where the call goes.
    #[must_use]
    pub fn endpoint(&self) -> &Arc<Endpoint<C>> {
        &self.endpoint
    }
}

impl<C> Clone for Lease<C> {
    /// A second hold for the same call: its endpoint counts one more call in flight.
    fn clone(&self) -> Self {
        self.endpoint.in_flight.fetch_add(1, Ordering::Relaxed);
        Self { endpoint: self.endpoint.clone(), standing: self.standing }
    }
}

impl<C> Drop for Lease<C> {
    fn drop(&mut self) {
        self.endpoint.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
