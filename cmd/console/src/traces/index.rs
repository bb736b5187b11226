//! The orders in which traces are listed and evicted.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// What a trace is found by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keys {
    /// The start of its first span, in nanoseconds since 1970.
    pub(crate) start: u64,
    /// The time from there to the end of its last span, in nanoseconds.
    pub(crate) duration: u64,
    /// Whether it failed.
    pub(crate) failed: bool,
    /// The name of its entry.
    pub(crate) route: Arc<str>,
    /// The shares of the services that take part, one bit each.
    pub(crate) services: u64,
    /// The share of the service that the trace counts for.
    pub(crate) owner: usize,
}

/// Traces in order of a number; the second number is the trace's sequence number.
pub(crate) type Order = BTreeSet<(u64, u64)>;

/// The indexes of a store.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// By start.
    pub(crate) newest: Order,
    /// By duration.
    pub(crate) slowest: Order,
    /// The failed ones, by start.
    pub(crate) failed: Order,
    /// Those that a service takes part in, by start.
    services: Vec<Order>,
    /// Those with an entry of a name, by start.
    routes: HashMap<Arc<str>, Order>,
    /// Those that count for a service, in order of arrival.
    owners: Vec<BTreeSet<u64>>,
}

impl Index {
    /// Replaces the keys of the trace with the number `sequence`.
    pub(crate) fn replace(&mut self, sequence: u64, old: Option<&Keys>, new: Option<&Keys>) {
        if old == new {
            return;
        }
        let start = |keys: &Keys| (keys.start, sequence);
        moved(&mut self.newest, old.map(start), new.map(start));
        let duration = |keys: &Keys| (keys.duration, sequence);
        moved(&mut self.slowest, old.map(duration), new.map(duration));
        let failed = |keys: Option<&Keys>| keys.filter(|keys| keys.failed).map(start);
        moved(&mut self.failed, failed(old), failed(new));
        let services = |keys: Option<&Keys>| keys.map_or(0, |keys| keys.services);
        let mut changed = if old.map(start) == new.map(start) {
            services(old) ^ services(new)
        } else {
            services(old) | services(new)
        };
        while changed != 0 {
            let service = changed.trailing_zeros() as usize;
            changed &= changed - 1;
            let within =
                |keys: Option<&Keys>| keys.filter(|keys| keys.services >> service & 1 == 1).map(start);
            moved(at(&mut self.services, service), within(old), within(new));
        }
        self.reroute(old.map(|keys| (&keys.route, start(keys))), new.map(|keys| (&keys.route, start(keys))));
        if old.map(|keys| keys.owner) != new.map(|keys| keys.owner) {
            if let Some(keys) = old {
                at(&mut self.owners, keys.owner).remove(&sequence);
            }
            if let Some(keys) = new {
                at(&mut self.owners, keys.owner).insert(sequence);
            }
        }
    }

    fn reroute(&mut self, old: Option<(&Arc<str>, (u64, u64))>, new: Option<(&Arc<str>, (u64, u64))>) {
        if old == new {
            return;
        }
        if let Some((route, place)) = old
            && let Some(order) = self.routes.get_mut(route)
        {
            order.remove(&place);
            if order.is_empty() {
                self.routes.remove(route);
            }
        }
        if let Some((route, place)) = new {
            self.routes.entry(Arc::clone(route)).or_default().insert(place);
        }
    }

    /// Returns the traces that the service with the share `service` takes part in.
    pub(crate) fn of_service(&self, service: usize) -> Option<&Order> {
        self.services.get(service)
    }

    /// Returns the traces with an entry of the name `route`.
    pub(crate) fn of_route(&self, route: &str) -> Option<&Order> {
        self.routes.get(route)
    }

    /// Returns the names of entries, at most `limit`, those of most traces first.
    pub(crate) fn routes(&self, limit: usize) -> Vec<Arc<str>> {
        let mut routes: Vec<_> = self.routes.iter().map(|(route, order)| (order.len(), route)).collect();
        routes.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        routes.into_iter().take(limit).map(|(_, route)| Arc::clone(route)).collect()
    }

    /// Returns the trace that arrived first of those that count for the share `owner`.
    pub(crate) fn oldest(&self, owner: usize) -> Option<u64> {
        self.owners.get(owner)?.first().copied()
    }
}

fn moved(order: &mut Order, old: Option<(u64, u64)>, new: Option<(u64, u64)>) {
    if old != new {
        old.map(|place| order.remove(&place));
        new.map(|place| order.insert(place));
    }
}

fn at<T: Default>(list: &mut Vec<T>, index: usize) -> &mut T {
    if list.len() <= index {
        list.resize_with(index + 1, T::default);
    }
    &mut list[index]
}
