//! The picker against a plain model, under random calls, failures, cancellations and changes of membership.

use super::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;

/// What the model knows of one instance.
#[derive(Clone, Debug, Default)]
struct Known {
    in_flight: usize,
    failures: u32,
    well: bool,
    /// Since when it is well, or when it is to be probed.
    turn: Duration,
    /// Grows with everything that a call tells, so that news from before can be told.
    age: u32,
}

impl Known {
    /// Its thousandths of an even share.
    fn share(&self, at: Duration) -> u64 {
        match at.saturating_sub(self.turn) {
            _ if !self.well => 0,
            age if age < Duration::from_millis(100) => 100,
            age if age < Duration::from_secs(1) => age.subsec_millis().into(),
            _ => 1000,
        }
    }

    fn is_due(&self, at: Duration) -> bool {
        !self.well && self.turn <= at
    }

    fn may_serve(&self, at: Duration) -> bool {
        self.well || self.failures == 0 || self.turn <= at
    }
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
    /// First tries, and how many of them will have paid for the probes made.
    calls: u64,
    paid: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let start = Instant::now();
        Self {
            random: StdRng::seed_from_u64(seed),
            picker: Picker::new(start + SLOW_START),
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
        let newcomers = ports.iter().filter(|port| !self.known.contains_key(port)).count();
        assert_eq!(connected.get(), newcomers, "only newcomers are connected to");
        self.connected += connected.get() as u16;

        for flight in &mut self.flights {
            flight.orphan |= !ports.contains(&flight.port);
        }
        let well = self.known.is_empty();
        let turn = if well { Duration::ZERO } else { self.at };
        self.known.retain(|port, _| ports.contains(port));
        for port in ports {
            self.known.entry(port).or_insert(Known { well, turn, ..Known::default() });
        }
    }

    fn pick(&mut self) {
        let tried: Vec<_> =
            self.picker.endpoints.load().iter().filter(|_| self.random.random_bool(0.2)).cloned().collect();
        let thrown = self.random.random_range(0..FULL);
        let may_probe = tried.is_empty() && self.may_probe();
        let Some(lease) = self.picker.pick_above(thrown, &tried, self.start + self.at) else {
            assert!(self.known.is_empty(), "nothing was picked of {:?}", self.known);
            return;
        };
        let port = lease.endpoint().instance().port;
        let fresh = |port: &u16| !tried.iter().any(|tried| tried.instance().port == *port);
        let of = |fits: &dyn Fn(&u16, &Known) -> bool| -> Vec<u16> {
            self.known.iter().filter(|(port, known)| fits(port, known)).map(|(port, _)| *port).collect()
        };
        let due = if may_probe { of(&|_, known| known.is_due(self.at)) } else { Vec::new() };
        let in_order = [
            of(&|port, known| known.share(self.at) > thrown && fresh(port)),
            of(&|port, known| known.well && fresh(port)),
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
                assert_eq!(self.known[&port].in_flight, least, "with two to choose from, the idler one");
            }
        } else {
            assert!(due.contains(&port), "{port}, not one of {due:?}, which are to be probed");
            self.paid = self.paid.max(self.calls) + 8;
        }

        let known = self.known.get_mut(&port).unwrap();
        if !due.is_empty() {
            known.turn = self.at + PROBE;
        }
        known.in_flight += 1;
        self.flights.push(Flight { port, age: known.age, orphan: false, lease });
    }

    /// Counts a first try, and tells whether it may be a probe.
    fn may_probe(&mut self) -> bool {
        self.calls += 1;
        self.paid.max(self.calls - 1) + 8 <= self.calls - 1 + 4 * 8
    }

    /// Ends a call: with a response, with a failure, outrun by another, out of its time, on a connection that was
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
            let ejected = self.picker.ended(&flight.lease, class, now);
            assert!(!ejected || matches!(outcome, 15..=17), "{class:?} ejected {}", flight.port);
        }
        if outcome == 18 {
            self.picker.outrun(&flight.lease, now);
        }
        if flight.orphan {
            return;
        }
        let known = self.known.get_mut(&flight.port).unwrap();
        known.in_flight -= 1;
        let news = flight.age == known.age;
        match outcome {
            12..=14 if news && !known.well => {
                *known = Known { well: true, turn: self.at, failures: 0, age: known.age + 1, ..*known };
            }
            15..=17 if news => {
                known.well = false;
                known.turn = self.at + Duration::from_millis(100 << known.failures.min(6));
                known.failures += 1;
                known.age += 1;
            }
            18 if news && known.well => known.turn = self.at,
            _ => {}
        }
    }

    /// Compares the picker's whole state with the model's.
    fn compare(&self) {
        let endpoints = self.picker.endpoints.load();
        assert_eq!(endpoints.len(), self.known.len());
        for (endpoint, (port, known)) in endpoints.iter().zip(&self.known) {
            assert_eq!(endpoint.instance().port, *port);
            assert_eq!(endpoint.in_flight(), known.in_flight, "calls in flight to {port}");
            assert_eq!(endpoint.standing().is_well(), known.well, "{port}");
            let before = known.turn.saturating_sub(MS);
            for at in [self.at, before, known.turn, known.turn + SLOW_START / 2] {
                assert_eq!(endpoint.standing().share(at), known.share(at), "{port} at {at:?}");
                assert_eq!(endpoint.standing().may_serve(at), known.may_serve(at), "{port} at {at:?}");
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
