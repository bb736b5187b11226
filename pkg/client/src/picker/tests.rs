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
    join(&picker, ports, Instant::now());
    picker
}

fn join(picker: &Picker<u16>, ports: impl IntoIterator<Item = u16>, now: Instant) {
    let instances: Vec<_> = ports.into_iter().map(instance).collect();
    picker.replace(&instances, |instance| instance.port, now);
}

/// What the model knows of one instance.
#[derive(Clone, Debug, Default)]
struct Known {
    in_flight: usize,
    failures: u32,
    /// The end of its last ejection or, without one, when it came.
    well_since: Duration,
    /// Grows with each change of standing, so that news from before it can be told.
    age: u32,
}

impl Known {
    /// Its thousandths of an even share.
    fn share(&self, at: Duration) -> u64 {
        match at.checked_sub(self.well_since) {
            None => 0,
            Some(age) if age < Duration::from_millis(100) => 100,
            Some(age) if age < Duration::from_secs(1) => age.subsec_millis().into(),
            Some(_) => 1000,
        }
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
        let well_since = if self.known.is_empty() { Duration::ZERO } else { self.at };
        self.known.retain(|port, _| ports.contains(port));
        for port in ports {
            self.known.entry(port).or_insert(Known { well_since, ..Known::default() });
        }
    }

    fn pick(&mut self) {
        let tried: Vec<_> =
            self.picker.endpoints.load().iter().filter(|_| self.random.random_bool(0.2)).cloned().collect();
        let thrown = self.random.random_range(0..FULL);
        let Some(lease) = self.picker.pick_above(thrown, &tried, self.start + self.at) else {
            assert!(self.known.is_empty(), "nothing was picked of {:?}", self.known);
            return;
        };
        let port = lease.endpoint().instance().port;
        let share = |port: &u16| self.known[port].share(self.at);
        let well = |port: &u16| share(port) > 0;
        let fresh = |port: &u16| !tried.iter().any(|tried| tried.instance().port == *port);
        assert!(self.known.contains_key(&port), "{port} has left");
        assert!(well(&port) || !self.known.keys().any(well), "{port} is ejected while another is well");
        let best = |port: &u16| well(port) && fresh(port);
        assert!(best(&port) || !self.known.keys().any(best), "{port} was tried while another was not");
        let on_turn = |port: &u16| share(port) > thrown && fresh(port);
        let any_on_turn = self.known.keys().any(on_turn);
        assert!(on_turn(&port) || !any_on_turn, "{port} was thrown out, another was not");
        let first = |port: &u16| if any_on_turn { on_turn(port) } else { best(port) };
        if let [one, two] = self.known.keys().copied().filter(first).collect::<Vec<_>>()[..] {
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
            12..=14 => self.picker.succeeded(&flight.lease, now),
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
                known.well_since = known.well_since.min(self.at);
                known.failures = 0;
                known.age += 1;
            }
            15..=17 if news => {
                known.well_since = self.at + Duration::from_millis(100 << known.failures.min(6));
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
            let before = known.well_since.saturating_sub(Duration::from_millis(1));
            for at in [self.at, before, known.well_since, known.well_since + SLOW_START / 2] {
                assert_eq!(endpoint.standing().share(at), known.share(at), "{port} at {at:?}");
                assert_eq!(endpoint.standing().is_well(at), known.share(at) > 0, "{port} at {at:?}");
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

/// Of 40,000 picks at `now`, one after the other, those of `port` in hundredths of an even share.
fn hundredths(picker: &Picker<u16>, port: u16, now: Instant) -> usize {
    let even = 40_000 / picker.endpoints.load().len();
    let picked = |_: &u32| *picker.pick(&[], now).unwrap().endpoint().connection() == port;
    (0..40_000).filter(picked).count() * 100 / even
}

#[test]
fn the_share_of_who_is_new_or_returns_grows_from_a_tenth_to_the_whole_in_a_second() {
    let now = Instant::now();
    let with_newcomer = picker(1..=3);
    join(&with_newcomer, 1..=4, now);

    let with_returned = picker(1..=4);
    let others: Vec<_> = with_returned.endpoints.load()[..3].to_vec();
    with_returned.failed(&with_returned.pick(&others, now).unwrap(), now);
    assert_eq!(hundredths(&with_returned, 4, now), 0);

    for (picker, begins) in [(with_newcomer, now), (with_returned, now + FIRST_EJECTION)] {
        for (age, share) in [(2, 10), (100, 10), (300, 30), (700, 70), (1002, 100), (9000, 100)] {
            let got = hundredths(&picker, 4, begins + Duration::from_millis(age));
            assert!(got.abs_diff(share) <= 5, "{got} hundredths after {age} ms");
        }
    }
}

#[test]
fn slow_start_holds_nothing_back_where_there_is_nobody_else() {
    let now = Instant::now();
    assert!(hundredths(&picker([1, 2]), 1, now).abs_diff(100) <= 5, "the first start in full");
    let replaced = picker([1]);
    join(&replaced, [2], now);
    assert_eq!(hundredths(&replaced, 2, now), 100, "alone");
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
    picker.succeeded(&early, now);
    assert!(!early.endpoint().standing().is_well(picker.since_epoch(now)));
    picker.succeeded(&picker.pick(&[], now).unwrap(), now);
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
