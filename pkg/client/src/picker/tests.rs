//! The picker against a plain model, under random calls, failures, cancellations and changes of membership.

use super::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;

const MS: Duration = Duration::from_millis(1);

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
            12..=14 if news && !known.well => {
                *known = Known { well: true, turn: self.at, failures: 0, age: known.age + 1, ..*known };
            }
            15..=17 if news => {
                known.well = false;
                known.turn = self.at + Duration::from_millis(100 << known.failures.min(6));
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
fn once_probed_the_share_of_who_is_new_or_returns_grows_from_a_tenth_to_the_whole_in_a_second() {
    let (with_newcomer, with_returned) = (picker(1..=3), picker(1..=4));
    let now = Instant::now();
    join(&with_newcomer, 1..=4, now);
    let others: Vec<_> = with_returned.endpoints.load()[..3].to_vec();
    with_returned.failed(&with_returned.pick(&others, now).unwrap(), now);
    assert_eq!(hundredths(&with_returned, 4, now), 0);

    for (picker, begins) in [(with_newcomer, now), (with_returned, now + FIRST_EJECTION + MS)] {
        let probe = picker.pick(&[], begins).unwrap();
        assert_eq!(*probe.endpoint().connection(), 4);
        assert_eq!(hundredths(&picker, 4, begins), 0, "nothing is known yet");
        picker.succeeded(&probe, begins);
        drop(probe);
        for (age, share) in [(0, 10), (100, 10), (300, 30), (700, 70), (1000, 100), (9000, 100)] {
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
    join(&replaced, [2, 3], now);
    assert!(hundredths(&replaced, 2, now).abs_diff(100) <= 5, "alone");
}

#[test]
fn the_next_call_probes_who_is_new_and_no_other_goes_there_until_it_is_answered() {
    let picker = picker(1..=3);
    let now = Instant::now();
    join(&picker, 1..=4, now);
    let called = |now| *picker.pick(&[], now).unwrap().endpoint().connection();
    assert_eq!(called(now), 4);
    for second in 1..4 {
        let later = now + second * PROBE;
        let just_before = later - MS;
        assert!((0..1000).all(|_| called(just_before) != 4), "its probe is under way");
        assert_eq!(called(later), 4, "the probe was given up without news");
    }
}

#[test]
fn a_call_that_was_tried_elsewhere_is_no_probe() {
    let now = Instant::now();
    let picker = picker(1..=3);
    join(&picker, 1..=4, now);
    let tried = &picker.endpoints.load()[..1];
    assert!((0..1000).all(|_| *picker.pick(tried, now).unwrap().endpoint().connection() != 4));
}

/// Joins 1,000 instances to two and makes `calls`, one after the other: how many went to those that came, and
/// how often each was called.
fn called_of_1000(calls: usize, answer: bool) -> (usize, Vec<usize>) {
    let now = Instant::now();
    let picker = picker(1..=2);
    join(&picker, 1..=1002, now);
    let mut called = vec![0; 1003];
    for _ in 0..calls {
        let lease = picker.pick(&[], now).unwrap();
        let port = *lease.endpoint().connection();
        called[usize::from(port)] += 1;
        if port <= 2 || answer {
            picker.succeeded(&lease, now);
        } else {
            picker.failed(&lease, now);
        }
    }
    (called[3..].iter().sum(), called)
}

#[test]
fn a_thousand_newcomers_at_once_are_each_probed_once_and_put_few_calls_at_risk() {
    let (to_broken, called) = called_of_1000(10_000, false);
    assert_eq!(to_broken, 1000);
    assert!(called[3..].iter().all(|calls| *calls == 1));
    let (to_broken, _) = called_of_1000(800, false);
    assert_eq!(to_broken, 4 + 799 / 8, "a burst, then one in eight");

    let (_, called) = called_of_1000(9000, true);
    assert!(called[3..].iter().all(|calls| *calls >= 1), "all are in use");
}

#[test]
fn where_all_are_new_calls_spread_at_once() {
    let now = Instant::now();
    let picker = picker(1..=2);
    join(&picker, 1001..=2000, now);
    let leases: Vec<_> = (0..1000).map(|_| picker.pick(&[], now).unwrap()).collect();
    let most = leases.iter().map(|lease| lease.endpoint().in_flight()).max().unwrap();
    assert!(most <= 8, "{most} calls to one of 1000");
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
    assert!(standing.may_serve(picker.since_epoch(now) + FIRST_EJECTION + MS));
}

#[test]
fn a_late_success_from_before_the_ejection_does_not_end_it() {
    let picker = picker([1]);
    let now = Instant::now();
    let [early, failing] = [picker.pick(&[], now).unwrap(), picker.pick(&[], now).unwrap()];
    picker.failed(&failing, now);
    picker.succeeded(&early, now);
    assert!(!early.endpoint().standing().is_well());
    picker.succeeded(&picker.pick(&[], now).unwrap(), now);
    assert!(early.endpoint().standing().is_well());
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
