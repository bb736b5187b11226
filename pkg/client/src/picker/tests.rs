//! Distribution of calls among instances that are healthy, new, ejected or recovered.

mod model;

use super::*;
use crate::health::{FIRST_EJECTION, PROBE_INTERVAL, SLOW_START};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

fn instance(port: u16) -> Instance {
    let id = format!("rating-host-{port}");
    Instance { service: "rating".into(), id, host: "h".into(), port, tags: Vec::new() }
}

fn picker(ports: impl IntoIterator<Item = u16>) -> Picker<u16> {
    let picker = Picker::default();
    join(&picker, ports, Instant::now());
    picker
}

fn endpoints(picker: &Picker<u16>) -> Vec<Arc<Endpoint<u16>>> {
    picker.lock().members.iter().map(|member| member.endpoint.clone()).collect()
}

fn health(picker: &Picker<u16>, lease: &Lease<u16>) -> Health {
    picker.lock().member(lease).unwrap().health
}

fn join(picker: &Picker<u16>, ports: impl IntoIterator<Item = u16>, now: Instant) {
    let instances: Vec<_> = ports.into_iter().map(instance).collect();
    picker.replace(&instances, |instance| instance.port, now);
}

#[test]
fn calls_spread_evenly_if_all_take_the_same_time() {
    let picker = picker(1..=3);
    let now = Instant::now();
    let mut counts = [0; 3];
    for _ in 0..3000 {
        counts[usize::from(*picker.pick(&[], now).unwrap().endpoint().connection()) - 1] += 1;
    }
    assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
}

#[test]
fn slow_instance_gets_fewer_calls() {
    let picker = picker(1..=3);
    let now = Instant::now();
    let mut to_the_slow_instance = Vec::new();
    for _ in 0..3000 {
        let lease = picker.pick(&[], now).unwrap();
        if lease.endpoint().connection() == &1 {
            to_the_slow_instance.push(lease);
        }
    }
    assert!(to_the_slow_instance.len() <= 1, "{}: the other choice was idle", to_the_slow_instance.len());
}

/// Makes 40,000 picks at `now`, one after the other, and returns those of `port` in hundredths of an even share.
fn hundredths(picker: &Picker<u16>, port: u16, now: Instant) -> usize {
    let even = 40_000 / picker.lock().members.len();
    let picked = |_: &u32| *picker.pick(&[], now).unwrap().endpoint().connection() == port;
    (0..40_000).filter(picked).count() * 100 / even
}

#[test]
fn share_grows_from_a_tenth_to_the_whole_in_a_second_after_a_probe() {
    let (with_new, with_recovered) = (picker(1..=3), picker(1..=4));
    let now = Instant::now();
    join(&with_new, 1..=4, now);
    let others = endpoints(&with_recovered)[..3].to_vec();
    with_recovered.record(&with_recovered.pick(&others, now).unwrap(), Event::Failure, now);
    assert_eq!(hundredths(&with_recovered, 4, now), 0);

    for (picker, begins) in [(with_new, now), (with_recovered, now + FIRST_EJECTION + MS)] {
        let probe = picker.pick(&[], begins).unwrap();
        assert_eq!(*probe.endpoint().connection(), 4);
        assert_eq!(hundredths(&picker, 4, begins), 0, "its health is not known yet");
        picker.record(&probe, Event::Success, begins);
        drop(probe);
        for (age, share) in [(0, 10), (100, 10), (300, 30), (700, 70), (1000, 100), (9000, 100)] {
            let got = hundredths(&picker, 4, begins + Duration::from_millis(age));
            assert!(got.abs_diff(share) <= 5, "{got} hundredths of its share after {age} ms");
        }
    }
}

#[test]
fn slow_start_holds_nothing_back_if_there_is_no_other_instance() {
    let now = Instant::now();
    assert!(
        hundredths(&picker([1, 2]), 1, now).abs_diff(100) <= 5,
        "the first set starts with its full share"
    );
    let replaced = picker([1]);
    join(&replaced, [2, 3], now);
    assert!(hundredths(&replaced, 2, now).abs_diff(100) <= 5, "no other instance");
}

#[test]
fn next_call_probes_new_instance_and_no_other_call_is_sent_there_until_it_ends() {
    let picker = picker(1..=3);
    let now = Instant::now();
    join(&picker, 1..=4, now);
    let called = |now| *picker.pick(&[], now).unwrap().endpoint().connection();
    assert_eq!(called(now), 4);
    for second in 1..4 {
        let later = now + second * PROBE_INTERVAL;
        let just_before = later - MS;
        assert!((0..1000).all(|_| called(just_before) != 4), "its probe is in flight");
        assert_eq!(called(later), 4, "the probe has expired");
    }
}

#[test]
fn retry_is_never_a_probe() {
    let now = Instant::now();
    let picker = picker(1..=3);
    join(&picker, 1..=4, now);
    let tried = &endpoints(&picker)[..1];
    assert!((0..1000).all(|_| *picker.pick(tried, now).unwrap().endpoint().connection() != 4));
}

/// Adds 1,000 instances to two and makes `calls`, one after the other. Returns how many went to the new instances, and
/// how often each instance was called.
fn call_1000_new(calls: usize, succeed: bool) -> (usize, Vec<usize>) {
    let now = Instant::now();
    let picker = picker(1..=2);
    join(&picker, 1..=1002, now);
    let mut called = vec![0; 1003];
    for _ in 0..calls {
        let lease = picker.pick(&[], now).unwrap();
        let port = *lease.endpoint().connection();
        called[usize::from(port)] += 1;
        if port <= 2 || succeed {
            picker.record(&lease, Event::Success, now);
        } else {
            picker.record(&lease, Event::Failure, now);
        }
    }
    (called[3..].iter().sum(), called)
}

#[test]
fn thousand_new_instances_are_probed_once_each_and_put_few_calls_at_risk() {
    let (to_broken, called) = call_1000_new(10_000, false);
    assert_eq!(to_broken, 1000);
    assert!(called[3..].iter().all(|calls| *calls == 1));
    let (to_broken, _) = call_1000_new(800, false);
    assert_eq!(to_broken, 4 + 799 / 8, "a burst, then one in eight");

    let (_, called) = call_1000_new(9000, true);
    assert!(called[3..].iter().all(|calls| *calls >= 1), "all are in use");
}

#[test]
fn calls_spread_at_once_if_all_instances_are_new() {
    let now = Instant::now();
    let picker = picker(1..=2);
    join(&picker, 1001..=2000, now);
    let leases: Vec<_> = (0..1000).map(|_| picker.pick(&[], now).unwrap()).collect();
    let most = leases.iter().map(|lease| lease.endpoint().in_flight()).max().unwrap();
    assert!(most <= 8, "{most} calls to one of 1000");
}

#[test]
fn ten_concurrent_failures_eject_once() {
    let picker = picker([1]);
    let now = Instant::now();
    let leases: Vec<_> = (0..10).map(|_| picker.pick(&[], now).unwrap()).collect();
    for lease in &leases {
        picker.record(lease, Event::Failure, now);
    }
    assert!(health(&picker, &leases[0]).may_serve(now + FIRST_EJECTION + MS));
}

#[test]
fn success_of_a_call_from_before_an_ejection_does_not_end_it() {
    let picker = picker([1]);
    let now = Instant::now();
    let [early, failing] = [picker.pick(&[], now).unwrap(), picker.pick(&[], now).unwrap()];
    picker.record(&failing, Event::Failure, now);
    picker.record(&early, Event::Success, now);
    assert!(!health(&picker, &early).is_healthy());
    picker.record(&picker.pick(&[], now).unwrap(), Event::Success, now);
    assert!(health(&picker, &early).is_healthy());
}

#[test]
fn counts_return_to_zero_after_use_from_many_threads() {
    let picker = picker(1..=4);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5000 {
                    let leases = [picker.pick(&[], Instant::now()), picker.pick(&[], Instant::now())];
                    picker.record(leases[0].as_ref().unwrap(), Event::Failure, Instant::now());
                }
            });
        }
    });
    assert!(endpoints(&picker).iter().all(|endpoint| endpoint.in_flight() == 0));
}
