//! The picker compared with a plain model, under random calls, failures, cancellations and changes of membership.

use super::*;
use crate::error::Class;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;

/// The model of one instance.
#[derive(Clone, Debug, Default)]
struct Expected {
    in_flight: usize,
    failures: u32,
    healthy: bool,
    /// When it became healthy, or when its next probe is due.
    since: Duration,
    generation: u32,
}

impl Expected {
    /// Returns its share in thousandths of an even share.
    fn share(&self, at: Duration) -> u64 {
        match at.saturating_sub(self.since) {
            _ if !self.healthy => 0,
            age if age < Duration::from_millis(100) => 100,
            age if age < Duration::from_secs(1) => age.subsec_millis().into(),
            _ => 1000,
        }
    }

    fn is_due(&self, at: Duration) -> bool {
        !self.healthy && self.since <= at
    }

    fn may_serve(&self, at: Duration) -> bool {
        self.healthy || self.failures == 0 || self.since <= at
    }
}

/// A call in flight, in the model and in the picker.
struct Flight {
    port: u16,
    generation: u32,
    /// Whether the instance left while the call was in flight.
    orphan: bool,
    lease: Lease<u16>,
}

struct World {
    random: StdRng,
    picker: Picker<u16>,
    start: Instant,
    at: Duration,
    known: BTreeMap<u16, Expected>,
    flights: Vec<Flight>,
    connected: u16,
    /// First tries, and how many of them pay for the probes so far.
    calls: u64,
    paid: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let start = Instant::now();
        Self {
            random: StdRng::seed_from_u64(seed),
            picker: Picker::default(),
            start,
            at: SLOW_START,
            known: BTreeMap::new(),
            flights: Vec::new(),
            connected: 0,
            calls: 0,
            paid: 0,
        }
    }

    fn step(&mut self) {
        match self.random.random_range(0..22) {
            0 => self.change_members(),
            1..=3 => self.at += Duration::from_millis(self.random.random_range(0..400)),
            4..=11 => self.pick(),
            _ if self.flights.is_empty() => self.pick(),
            outcome => {
                let flight = self.flights.swap_remove(self.random.random_range(0..self.flights.len()));
                self.end(flight, outcome);
            }
        }
        self.compare();
    }

    fn change_members(&mut self) {
        let ports: Vec<u16> = (1..=6).filter(|_| self.random.random_bool(0.6)).collect();
        let instances: Vec<_> = ports.iter().copied().map(instance).collect();
        let connected = std::cell::Cell::new(0);
        self.picker.replace(
            &instances,
            |instance| {
                connected.set(connected.get() + 1);
                instance.port
            },
            self.start + self.at,
        );
        let joining = ports.iter().filter(|port| !self.known.contains_key(port)).count();
        assert_eq!(connected.get(), joining, "only instances that join are connected to");
        self.connected += connected.get() as u16;

        for flight in &mut self.flights {
            flight.orphan |= !ports.contains(&flight.port);
        }
        let healthy = self.known.is_empty();
        let since = if healthy { self.at - SLOW_START } else { self.at };
        self.known.retain(|port, _| ports.contains(port));
        for port in ports {
            self.known.entry(port).or_insert(Expected { healthy, since, ..Expected::default() });
        }
    }

    fn pick(&mut self) {
        let tried: Vec<_> =
            endpoints(&self.picker).into_iter().filter(|_| self.random.random_bool(0.2)).collect();
        let threshold = self.random.random_range(0..FULL_SHARE);
        let may_probe = tried.is_empty() && self.may_probe();
        let Some(lease) = self.picker.pick_above(threshold, &tried, self.start + self.at) else {
            assert!(self.known.is_empty(), "nothing was picked of {:?}", self.known);
            return;
        };
        let port = lease.endpoint().instance().port;
        let fresh = |port: &u16| !tried.iter().any(|tried| tried.instance().port == *port);
        let of = |fits: &dyn Fn(&u16, &Expected) -> bool| -> Vec<u16> {
            self.known.iter().filter(|(port, known)| fits(port, known)).map(|(port, _)| *port).collect()
        };
        let due = if may_probe { of(&|_, known| known.is_due(self.at)) } else { Vec::new() };
        let in_order = [
            of(&|port, known| known.share(self.at) > threshold && fresh(port)),
            of(&|port, known| known.healthy && fresh(port)),
            of(&|port, known| known.may_serve(self.at) && fresh(port)),
            of(&|_, known| known.may_serve(self.at)),
            of(&|port, _| fresh(port)),
            of(&|_, _| true),
        ];
        let best = in_order.iter().find(|ports| !ports.is_empty()).unwrap();
        if due.is_empty() {
            assert!(best.contains(&port), "{port} of {:?}, not one of {best:?}", self.known);
            if let [one, two] = best[..] {
                let least = self.known[&one].in_flight.min(self.known[&two].in_flight);
                assert_eq!(self.known[&port].in_flight, least, "of two, the one with fewer calls in flight");
            }
        } else {
            assert!(due.contains(&port), "{port}, not one of {due:?}, whose probes are due");
            self.paid = self.paid.max(self.calls) + 8;
        }

        let known = self.known.get_mut(&port).unwrap();
        if !due.is_empty() {
            known.since = self.at + PROBE_INTERVAL;
        }
        known.in_flight += 1;
        self.flights.push(Flight { port, generation: known.generation, orphan: false, lease });
    }

    /// Counts a first try and returns whether it may be a probe.
    fn may_probe(&mut self) -> bool {
        self.calls += 1;
        self.paid.max(self.calls - 1) + 8 <= self.calls - 1 + 4 * 8
    }

    /// Ends a call: with a response, with a failure, outpaced by another, at its deadline, on a connection that was
    /// closed because of other calls, or cancelled. The last three change nothing.
    fn end(&mut self, flight: Flight, outcome: u32) {
        let now = self.start + self.at;
        let class = match outcome {
            12..=14 => Some(Class::Application),
            15 => Some(Class::Unavailable),
            16 => Some(Class::Unsent),
            17 => Some(Class::Broken),
            20 => Some(Class::Late),
            21 => Some(Class::Cut),
            _ => None,
        };
        if let Some(class) = class {
            let ejected = Event::of(class).is_some_and(|event| self.picker.record(&flight.lease, event, now));
            assert!(!ejected || matches!(outcome, 15..=17), "{class:?} ejected {}", flight.port);
        }
        if outcome == 18 {
            self.picker.record(&flight.lease, Event::Outpaced, now);
        }
        if flight.orphan {
            return;
        }
        let known = self.known.get_mut(&flight.port).unwrap();
        known.in_flight -= 1;
        let current = flight.generation == known.generation;
        match outcome {
            12..=14 if current && !known.healthy => {
                *known = Expected {
                    healthy: true,
                    since: self.at,
                    failures: 0,
                    generation: known.generation + 1,
                    ..*known
                };
            }
            15..=17 if current => {
                known.healthy = false;
                known.since = self.at + Duration::from_millis(100 << known.failures.min(6));
                known.failures += 1;
                known.generation += 1;
            }
            18 if current && known.healthy => known.since = self.at,
            _ => {}
        }
    }

    /// Compares the whole state of the picker with the model.
    fn compare(&self) {
        let set = self.picker.lock();
        assert_eq!(set.members.len(), self.known.len());
        for (member, (port, known)) in set.members.iter().zip(&self.known) {
            assert_eq!(member.endpoint.instance().port, *port);
            assert_eq!(member.endpoint.in_flight(), known.in_flight, "calls in flight to {port}");
            assert_eq!(member.health.is_healthy(), known.healthy, "{port}");
            let before = known.since.saturating_sub(MS);
            for at in [self.at, before, known.since, known.since + SLOW_START / 2] {
                let now = self.start + at;
                assert_eq!(member.health.share(now), known.share(at), "{port} at {at:?}");
                assert_eq!(member.health.may_serve(now), known.may_serve(at), "{port} at {at:?}");
            }
        }
    }
}

#[test]
fn picker_agrees_with_plain_model_under_random_events() {
    for seed in 0..200 {
        let mut world = World::new(seed);
        world.change_members();
        for _ in 0..300 {
            world.step();
        }
        world.flights.clear();
        for endpoint in endpoints(&world.picker) {
            assert_eq!(endpoint.in_flight(), 0, "seed {seed}");
        }
        assert!(world.connected > 0, "seed {seed} had no instance to call");
    }
}
