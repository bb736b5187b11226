//! How calls are shared among instances that are well, new, failed or returned.

mod model;

use super::*;

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
