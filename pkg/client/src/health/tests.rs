//! The transition table, row by row, and what each state means for picking.

use super::HealthState::{Ejected, Healthy, New};
use super::*;

const MS: Duration = Duration::from_millis(1);

fn health(state: HealthState) -> Health {
    Health { state, generation: 7 }
}

#[test]
fn each_row_of_the_transition_table_holds() {
    let t = Instant::now();
    let before = t - 50 * MS;
    let (new, healthy) = (New { probe_at: before }, Healthy { full_share_at: before });
    let ejected = |ejections| Ejected { probe_at: before, ejections };
    let (slow_start, next_probe) = (Healthy { full_share_at: t + 1000 * MS }, t + 1000 * MS);
    let once = Ejected { probe_at: t + 100 * MS, ejections: 1 };
    let rows = [
        (new, Event::Probe, New { probe_at: next_probe }, 7),
        (new, Event::Success, slow_start, 8),
        (new, Event::Failure, once, 8),
        (new, Event::Outpaced, new, 7),
        (healthy, Event::Probe, healthy, 7),
        (healthy, Event::Success, healthy, 7),
        (healthy, Event::Failure, once, 8),
        (healthy, Event::Outpaced, slow_start, 7),
        (ejected(3), Event::Probe, Ejected { probe_at: next_probe, ejections: 3 }, 7),
        (ejected(3), Event::Success, slow_start, 8),
        (ejected(3), Event::Failure, Ejected { probe_at: t + 800 * MS, ejections: 4 }, 8),
        (ejected(3), Event::Outpaced, ejected(3), 7),
    ];
    for (state, event, next, generation) in rows {
        assert_eq!(health(state).after(event, t), Health { state: next, generation }, "{state:?}, {event:?}");
    }
}

#[test]
fn consecutive_ejections_double_from_100_ms_to_6400_ms() {
    let mut now = Instant::now();
    let mut health = Health::assumed_healthy(now);
    for length in [100, 200, 400, 800, 1600, 3200, 6400, 6400] {
        health = health.after(Event::Failure, now);
        let end = now + length * MS;
        assert!(!health.may_serve(end - MS), "{length} ms");
        assert!(health.is_probe_due(end), "{length} ms");
        now = end;
    }
}

#[test]
fn unanswered_probe_is_repeated_after_a_second() {
    let start = Instant::now();
    let ejected = Health::assumed_healthy(start).after(Event::Failure, start + 1000 * MS);
    let probed = ejected.after(Event::Probe, start + 2000 * MS);
    assert!(!probed.is_probe_due(start + 2999 * MS) && probed.is_probe_due(start + 3000 * MS));
    assert!(probed.is_same_generation(ejected), "the end of the probe counts");
    assert!(probed.is_ejected(), "a probe is not a response");
}

#[test]
fn each_state_gets_the_documented_calls() {
    let t = Instant::now();
    let later = t + 500 * MS;
    for (state, serves_before, share) in [
        (New { probe_at: later }, true, 0),
        (Healthy { full_share_at: later }, true, 500),
        (Ejected { probe_at: later, ejections: 1 }, false, 0),
    ] {
        let health = health(state);
        assert_eq!((health.may_serve(t), health.share(t)), (serves_before, share), "{state:?}");
        assert!(health.may_serve(later), "{state:?}");
        assert!(!health.is_probe_due(t), "{state:?}");
        assert_eq!(health.is_probe_due(later), !health.is_healthy(), "{state:?}");
    }
}

#[test]
fn share_grows_from_a_tenth_to_the_whole_in_a_second() {
    let t = Instant::now();
    let healthy = Health::new(t).after(Event::Success, t);
    for (age, share) in [(0, 100), (100, 100), (300, 300), (700, 700), (1000, 1000), (9000, 1000)] {
        assert_eq!(healthy.share(t + age * MS), share, "after {age} ms");
    }
    assert_eq!(healthy.share(t - 5 * MS), 100, "times may be slightly out of order");
}

#[test]
fn only_failures_of_the_instance_are_failures() {
    for (class, event) in [
        (Class::Application, Some(Event::Success)),
        (Class::Unavailable, Some(Event::Failure)),
        (Class::Unsent, Some(Event::Failure)),
        (Class::Broken, Some(Event::Failure)),
        (Class::Late, None),
        (Class::Cut, None),
    ] {
        assert_eq!(Event::of(class), event, "{class:?}");
    }
}
