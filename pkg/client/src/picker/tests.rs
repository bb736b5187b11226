//! The picker against a plain model, under random calls, failures, cancellations and changes of membership.

use super::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;

fn instance(port: u16) -> Instance {
    let id = format!("rating-host-{port}");
    Instance { service: "rating".into(), id, host: "h".into(), port, tags: Vec::new() }
}

fn picker(ports: impl IntoIterator<Item = u16>) -> Picker<u16> {
    let picker = Picker::new(Instant::now());
    let instances: Vec<_> = ports.into_iter().map(instance).collect();
    picker.replace(&instances, |instance| instance.port);
    picker
}

/// What the model knows of one instance.
#[derive(Clone, Debug, Default)]
struct Known {
    in_flight: usize,
    failures: u32,
    ejected_until: Duration,
    /// Grows with each change of standing, so that news from before it can be told.
    age: u32,
}

/// A call in flight, as the model and the picker see it.
struct Flight {
    port: u16,
    age: u32,
    /// The instance left while the call was under way.
    orphan: bool,
    lease: Lease<u16>,
}

struct World {
    random: StdRng,
    picker: Picker<u16>,
    start: Instant,
    at: Duration,
    known: BTreeMap<u16, Known>,
    flights: Vec<Flight>,
    connected: u16,
}

impl World {
    fn new(seed: u64) -> Self {
        let start = Instant::now();
        Self {
            random: StdRng::seed_from_u64(seed),
            picker: Picker::new(start),
            start,
            at: Duration::ZERO,
            known: BTreeMap::new(),
            flights: Vec::new(),
            connected: 0,
        }
    }

    fn step(&mut self) {
        match self.random.random_range(0..20) {
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
        self.picker.replace(&instances, |instance| {
            connected.set(connected.get() + 1);
            instance.port
        });
        let newcomers = ports.iter().filter(|port| !self.known.contains_key(port)).count();
        assert_eq!(connected.get(), newcomers, "only newcomers are connected to");
        self.connected += connected.get() as u16;

        for flight in &mut self.flights {
            flight.orphan |= !ports.contains(&flight.port);
        }
        self.known.retain(|port, _| ports.contains(port));
        for port in ports {
            self.known.entry(port).or_default();
        }
    }

    fn pick(&mut self) {
        let tried: Vec<_> =
            self.picker.endpoints.load().iter().filter(|_| self.random.random_bool(0.2)).cloned().collect();
        let Some(lease) = self.picker.pick(&tried, self.start + self.at) else {
            assert!(self.known.is_empty(), "nothing was picked of {:?}", self.known);
            return;
        };
        let port = lease.endpoint().instance().port;
        let well = |port: &u16| self.known[port].ejected_until <= self.at;
        let fresh = |port: &u16| !tried.iter().any(|tried| tried.instance().port == *port);
        assert!(self.known.contains_key(&port), "{port} has left");
        assert!(well(&port) || !self.known.keys().any(well), "{port} is ejected while another is well");
        let best = |port: &u16| well(port) && fresh(port);
        assert!(best(&port) || !self.known.keys().any(best), "{port} was tried while another was not");
        if let [one, two] = self.known.keys().copied().filter(best).collect::<Vec<_>>()[..] {
            let least = self.known[&one].in_flight.min(self.known[&two].in_flight);
            assert_eq!(self.known[&port].in_flight, least, "with two to choose from, the idler one");
        }

        let known = self.known.get_mut(&port).unwrap();
        known.in_flight += 1;
        self.flights.push(Flight { port, age: known.age, orphan: false, lease });
    }

    /// Ends a call: answered, failed, or cancelled, which tells nothing.
    fn end(&mut self, flight: Flight, outcome: u32) {
        let now = self.start + self.at;
        match outcome {
            12..=14 => self.picker.succeeded(&flight.lease),
            15..=17 => self.picker.failed(&flight.lease, now),
            _ => {}
        }
        if flight.orphan {
            return;
        }
        let known = self.known.get_mut(&flight.port).unwrap();
        known.in_flight -= 1;
        let news = flight.age == known.age;
        match outcome {
            12..=14 if news && known.failures > 0 => {
                *known = Known { in_flight: known.in_flight, age: known.age + 1, ..Known::default() };
            }
            15..=17 if news => {
                known.ejected_until = self.at + Duration::from_millis(100 << known.failures.min(6));
                known.failures += 1;
                known.age += 1;
            }
            _ => {}
        }
    }

    /// Holds the picker's whole state beside the model's.
    fn compare(&self) {
        let endpoints = self.picker.endpoints.load();
        assert_eq!(endpoints.len(), self.known.len());
        for (endpoint, (port, known)) in endpoints.iter().zip(&self.known) {
            assert_eq!(endpoint.instance().port, *port);
            assert_eq!(endpoint.in_flight(), known.in_flight, "calls in flight to {port}");
            let just_before = known.ejected_until.saturating_sub(Duration::from_millis(1));
            assert!(endpoint.standing().is_well(known.ejected_until), "{port} at {:?}", known.ejected_until);
            if known.ejected_until > Duration::ZERO {
                assert!(!endpoint.standing().is_well(just_before), "{port} at {just_before:?}");
            }
        }
    }
}

#[test]
fn it_agrees_with_a_plain_model_whatever_happens() {
    for seed in 0..200 {
        let mut world = World::new(seed);
        world.change_members();
        for _ in 0..300 {
            world.step();
        }
        world.flights.clear();
        for endpoint in world.picker.endpoints.load().iter() {
            assert_eq!(endpoint.in_flight(), 0, "seed {seed}");
        }
        assert!(world.connected > 0, "seed {seed} had nobody to call");
    }
}

#[test]
fn calls_spread_evenly_while_all_take_the_same_time() {
    let picker = picker(1..=3);
    let now = Instant::now();
    let mut counts = [0; 3];
    for _ in 0..3000 {
        counts[usize::from(*picker.pick(&[], now).unwrap().endpoint().connection()) - 1] += 1;
    }
    assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
}

#[test]
fn a_slow_instance_gets_fewer_calls() {
    let picker = picker(1..=3);
    let now = Instant::now();
    let mut to_the_slow_one = Vec::new();
    for _ in 0..3000 {
        let lease = picker.pick(&[], now).unwrap();
        if lease.endpoint().connection() == &1 {
            to_the_slow_one.push(lease);
        }
    }
    assert!(to_the_slow_one.len() <= 1, "{}: the other choice was idle", to_the_slow_one.len());
}

#[test]
fn ten_calls_that_fail_at_once_eject_once() {
    let picker = picker([1]);
    let now = Instant::now();
    let leases: Vec<_> = (0..10).map(|_| picker.pick(&[], now).unwrap()).collect();
    for lease in &leases {
        picker.failed(lease, now);
    }
    let standing = leases[0].endpoint().standing();
    assert!(standing.is_well(picker.since_epoch(now) + FIRST_EJECTION + Duration::from_millis(1)));
}

#[test]
fn a_late_success_from_before_the_ejection_does_not_end_it() {
    let picker = picker([1]);
    let now = Instant::now();
    let [early, failing] = [picker.pick(&[], now).unwrap(), picker.pick(&[], now).unwrap()];
    picker.failed(&failing, now);
    picker.succeeded(&early);
    assert!(!early.endpoint().standing().is_well(picker.since_epoch(now)));
    picker.succeeded(&picker.pick(&[], now).unwrap());
    assert!(early.endpoint().standing().is_well(picker.since_epoch(now)));
}

#[test]
fn counts_return_to_zero_from_many_threads() {
    let picker = picker(1..=4);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5000 {
                    let leases = [picker.pick(&[], Instant::now()), picker.pick(&[], Instant::now())];
                    picker.failed(leases[0].as_ref().unwrap(), Instant::now());
                }
            });
        }
    });
    assert!(picker.endpoints.load().iter().all(|endpoint| endpoint.in_flight() == 0));
}
