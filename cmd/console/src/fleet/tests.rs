//! Tests of instances over time.

use super::*;
use std::sync::Arc;

fn instance(service: &str, port: u16) -> Instance {
    Instance {
        service: service.to_owned(),
        id: format!("{service}-127.0.0.1-{port}"),
        host: "127.0.0.1".to_owned(),
        port,
        tags: Vec::new(),
    }
}

fn fleet() -> (Fleet, Instant) {
    (Fleet::new(&["rating".to_owned(), "movie".to_owned()]), Instant::now())
}

fn set(instances: &[&Instance]) -> InstanceSet {
    Arc::from_iter(instances.iter().copied().cloned())
}

fn scrape(readiness: Readiness, requests: Option<u32>, at: Instant) -> Scrape {
    let text = |n| {
        format!(
            "requests_total{{protocol=\"http\",route=\"/v1\",status=\"200\"}} {n}\n\
             requests_total{{protocol=\"http\",route=\"/v1\",status=\"500\"}} 1\n\
             client_instance_ejected{{service=\"rating\",instance=\"127.0.0.1:1\"}} 1\n"
        )
    };
    Scrape { readiness, counters: requests.map(|n| Counters::read(&text(n))), at }
}

#[test]
fn state_follows_registry_and_responses() {
    let (mut fleet, now) = fleet();
    let one = instance("movie", 1);
    fleet.list("movie", &set(&[&one]), now);
    let state = |fleet: &Fleet| fleet.services()[1].instances.get(&one.id).map(Observed::state);
    assert_eq!(state(&fleet), Some(State::Unready));
    for (readiness, listed, gone) in [
        (Readiness::Ready, State::Ready, State::Draining),
        (Readiness::Unready, State::Unready, State::Draining),
        (Readiness::Stopping, State::Draining, State::Draining),
        (Readiness::Silent, State::Unreachable, State::Gone),
    ] {
        fleet.scraped("movie", &one.id, scrape(readiness, None, now));
        assert_eq!(state(&fleet), Some(listed));
        fleet.list("movie", &set(&[]), now);
        assert_eq!(state(&fleet), Some(gone));
        fleet.list("movie", &set(&[&one]), now);
        assert_eq!(state(&fleet), Some(listed));
    }
    fleet.list("movie", &set(&[]), now);
    fleet.list("movie", &set(&[]), now + Duration::from_secs(59));
    assert!(state(&fleet).is_some());
    fleet.list("movie", &set(&[]), now + Duration::from_secs(60));
    assert_eq!(state(&fleet), None);
}

#[test]
fn responses_are_counted_from_the_start_of_the_console() {
    let (mut fleet, now) = fleet();
    let (old, new) = (instance("movie", 1), instance("movie", 2));
    fleet.list("movie", &set(&[&old]), now);
    fleet.list("movie", &set(&[&old, &new]), now);
    fleet.scraped("movie", &old.id, scrape(Readiness::Ready, Some(1000), now));
    fleet.scraped("movie", &new.id, scrape(Readiness::Ready, Some(10), now));
    // What the old one counted before is not the console's; the new one counts from zero.
    assert_eq!((fleet.responses().count, fleet.responses().failed), (11.0, 1.0));
    fleet.scraped("movie", &old.id, scrape(Readiness::Ready, Some(1005), now + Duration::from_secs(1)));
    assert_eq!((fleet.responses().count, fleet.responses().failed), (16.0, 1.0));
    fleet.scraped("rating", "rating-127.0.0.1-1", scrape(Readiness::Ready, Some(9), now));
    assert_eq!(fleet.responses().count, 16.0);
}

#[test]
fn rate_is_computed_over_recent_scrapes() {
    let (mut fleet, now) = fleet();
    let one = instance("movie", 1);
    fleet.list("movie", &set(&[&one]), now);
    for second in 0..20_u32 {
        let at = now + Duration::from_secs(second.into());
        fleet.scraped("movie", &one.id, scrape(Readiness::Ready, Some(second * second), at));
    }
    let observed = &fleet.services()[1].instances[&one.id];
    let (flows, seconds) = observed.recent().unwrap();
    let traffic: f64 = flows.values().map(|traffic| traffic.count).sum();
    assert_eq!((traffic, seconds), (f64::from(19 * 19 - 14 * 14), 5.0));
    fleet.scraped("movie", &one.id, scrape(Readiness::Silent, None, now));
    assert!(fleet.services()[1].instances[&one.id].recent().is_none());
}

#[test]
fn ejected_instance_is_named_by_address_or_id() {
    let (mut fleet, now) = fleet();
    let (caller, callee) = (instance("movie", 9), instance("rating", 1));
    fleet.list("movie", &set(&[&caller]), now);
    fleet.list("rating", &set(&[&callee]), now);
    fleet.scraped("movie", &caller.id, scrape(Readiness::Ready, Some(1), now));
    assert_eq!(fleet.ejected(), [callee.id.as_str()]);
    assert_eq!(fleet.resolve("rating", &callee.id), Some(callee.id.as_str()));
    assert_eq!(fleet.resolve("rating", "other"), None);
    fleet.scraped("movie", &caller.id, scrape(Readiness::Silent, None, now));
    assert!(fleet.ejected().is_empty());
}

#[test]
fn number_of_observed_instances_is_bounded() {
    let (mut fleet, now) = fleet();
    let many: Vec<Instance> = (1..500).map(|port| instance("movie", port)).collect();
    fleet.list("movie", &many.into(), now);
    assert_eq!(fleet.services()[1].instances.len(), MAX_INSTANCES);
}
