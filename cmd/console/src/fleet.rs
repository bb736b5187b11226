//! All instances: what the registry lists, what they respond when they are scraped, and what they have counted lately.

mod counters;

pub(crate) use counters::{Counters, Flow, Traffic};

use discovery::{Instance, InstanceSet};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

/// The number of scrapes that rates are computed over.
const PERIODS: usize = 5;

/// How long an instance that has left is shown.
const SHOWN_AFTER_LEAVING: Duration = Duration::from_secs(60);

/// The maximum number of instances of a service that are observed.
const MAX_INSTANCES: usize = 100;

/// The state of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// It is registered and ready.
    Ready,
    /// It is stopping: it reports that it is, or it still responds after it left the registry.
    Draining,
    /// It responds, but is not ready.
    Unready,
    /// It is registered and does not respond.
    Unreachable,
    /// It left the registry and does not respond.
    Gone,
}

/// What an instance responded at `/readyz`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// It is ready.
    Ready,
    /// It is not ready.
    Unready,
    /// It is stopping.
    Stopping,
    /// There was no response.
    Silent,
}

/// One observation of an instance.
#[derive(Debug)]
pub(crate) struct Scrape {
    /// The response of `/readyz`.
    pub(crate) readiness: Readiness,
    /// The response of `/metrics`, if it was valid.
    pub(crate) counters: Option<Counters>,
    /// When it was made.
    pub(crate) at: Instant,
}

/// The services in the order of the command line.
#[derive(Debug)]
pub(crate) struct Fleet {
    services: Vec<Service>,
    /// The service that clients call.
    edge: String,
    /// The requests that clients made since the start, and those of them that failed.
    responses: Traffic,
}

/// A service.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) instances: BTreeMap<String, Observed>,
    /// Whether the registry has listed the service's instances before.
    listed: bool,
}

/// An instance and its recent past.
#[derive(Debug)]
pub(crate) struct Observed {
    pub(crate) instance: Instance,
    /// When it left the registry.
    left: Option<Instant>,
    /// Whether it was started after the console, so that all it counts is new.
    is_new: bool,
    readiness: Option<Readiness>,
    counters: Option<(Counters, Instant)>,
    recent: VecDeque<Period>,
}

#[derive(Debug)]
struct Period {
    length: Duration,
    flows: HashMap<Flow, Traffic>,
}

impl Fleet {
    /// Creates a fleet without instances. Clients call `movie`, or else the last of `services`.
    pub(crate) fn new(services: &[String]) -> Self {
        let edge =
            services.iter().find(|name| *name == "movie").or(services.last()).cloned().unwrap_or_default();
        let service =
            |name: &String| Service { name: name.clone(), instances: BTreeMap::new(), listed: false };
        Self { services: services.iter().map(service).collect(), edge, responses: Traffic::default() }
    }

    /// Applies what the registry lists of `service` at `now`.
    pub(crate) fn list(&mut self, service: &str, set: &InstanceSet, now: Instant) {
        let Some(service) = self.services.iter_mut().find(|known| known.name == service) else { return };
        let is_new = service.listed;
        service.listed = true;
        for instance in set.iter().take(MAX_INSTANCES) {
            let observed = service.instances.entry(instance.id.clone()).or_insert_with(|| Observed {
                instance: instance.clone(),
                left: None,
                is_new,
                readiness: None,
                counters: None,
                recent: VecDeque::new(),
            });
            observed.instance = instance.clone();
            observed.left = None;
        }
        for observed in service.instances.values_mut() {
            if observed.left.is_none() && !set.iter().any(|listed| listed.id == observed.instance.id) {
                observed.left = Some(now);
            }
        }
        service.instances.retain(|_, observed| {
            observed.left.is_none_or(|left| now.duration_since(left) < SHOWN_AFTER_LEAVING)
        });
    }

    /// Applies an observation of the instance `id` of `service`.
    pub(crate) fn scraped(&mut self, service: &str, id: &str, scrape: Scrape) {
        let is_edge = service == self.edge;
        let service = self.services.iter_mut().find(|known| known.name == service);
        let Some(observed) = service.and_then(|service| service.instances.get_mut(id)) else { return };
        observed.readiness = Some(scrape.readiness);
        let Some(counters) = scrape.counters else {
            observed.recent.clear();
            return;
        };
        let earlier = observed.counters.as_ref();
        let flows = counters.since(earlier.map(|(counters, _)| counters));
        let is_counted = earlier.is_some() || observed.is_new;
        if is_edge && is_counted {
            let served = flows.iter().filter(|(flow, _)| matches!(flow, Flow::Served { .. }));
            served.for_each(|(_, traffic)| self.responses.add(traffic));
        }
        if let Some((_, then)) = earlier {
            let length = scrape.at.duration_since(*then);
            observed.recent.push_back(Period { length, flows });
            if observed.recent.len() > PERIODS {
                observed.recent.pop_front();
            }
        }
        observed.counters = Some((counters, scrape.at));
    }

    /// Returns the services.
    pub(crate) fn services(&self) -> &[Service] {
        &self.services
    }

    /// Returns the service that clients call.
    pub(crate) fn edge(&self) -> &str {
        &self.edge
    }

    /// Returns the requests of clients since the start.
    pub(crate) fn responses(&self) -> &Traffic {
        &self.responses
    }

    /// Returns the id of the instance that callers name by its id or its address.
    pub(crate) fn resolve(&self, service: &str, name: &str) -> Option<&str> {
        let service = self.services.iter().find(|known| known.name == service)?;
        let found = service.instances.values().map(|observed| &observed.instance);
        let mut found = found.filter(|instance| instance.id == name || instance.authority() == name);
        found.next().map(|instance| instance.id.as_str())
    }

    /// Returns the ids of the instances that some caller has ejected.
    pub(crate) fn ejected(&self) -> Vec<&str> {
        let callers = self.services.iter().flat_map(|service| service.instances.values());
        let named = callers.filter_map(|caller| caller.counters.as_ref().filter(|_| caller.responds()));
        let named = named.flat_map(|(counters, _)| &counters.ejected);
        let mut ids: Vec<&str> = named
            .filter_map(|name| self.services.iter().find_map(|service| self.resolve(&service.name, name)))
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

impl Observed {
    fn responds(&self) -> bool {
        self.readiness.is_some_and(|readiness| readiness != Readiness::Silent)
    }

    /// Returns its state.
    pub(crate) fn state(&self) -> State {
        match (self.readiness, self.left) {
            (Some(Readiness::Stopping | Readiness::Ready | Readiness::Unready), Some(_))
            | (Some(Readiness::Stopping), None) => State::Draining,
            (Some(Readiness::Silent) | None, Some(_)) => State::Gone,
            (Some(Readiness::Ready), None) => State::Ready,
            (Some(Readiness::Unready) | None, None) => State::Unready,
            (Some(Readiness::Silent), None) => State::Unreachable,
        }
    }

    /// Returns true if the registry lists it.
    pub(crate) fn is_listed(&self) -> bool {
        self.left.is_none()
    }

    /// Returns its resident memory in bytes.
    pub(crate) fn resident_bytes(&self) -> Option<f64> {
        self.counters.as_ref().and_then(|(counters, _)| counters.resident_bytes)
    }

    /// Returns the kind of its database.
    pub(crate) fn database(&self) -> Option<&'static str> {
        self.counters.as_ref().and_then(|(counters, _)| counters.database)
    }

    /// Returns the recent traffic by flow, and the seconds in which it was counted; `None` before the second scrape.
    pub(crate) fn recent(&self) -> Option<(BTreeMap<&Flow, Traffic>, f64)> {
        let length: Duration = self.recent.iter().map(|period| period.length).sum();
        let mut flows: BTreeMap<&Flow, Traffic> = BTreeMap::new();
        for (flow, traffic) in self.recent.iter().flat_map(|period| &period.flows) {
            flows.entry(flow).or_default().add(traffic);
        }
        (!length.is_zero()).then_some((flows, length.as_secs_f64()))
    }
}

#[cfg(test)]
mod tests;
