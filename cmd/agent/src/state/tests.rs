//! Registration, status and index with a simulated clock.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn state() -> State {
    State::new(1000, 60 * SECOND)
}

fn register(state: &mut State, body: &str, now: Instant) {
    let (service, checks) = definition::service(body.as_bytes()).unwrap();
    state.register(service, checks, false, now);
}

const WEB: &str = r#"{"Name":"web","Port":80,"Check":{"TTL":"10s","DeregisterCriticalServiceAfter":"1m"}}"#;

fn check(state: &State) -> &Check {
    state.checks.get("service:web").unwrap()
}

#[test]
fn new_check_is_critical_until_it_passes() {
    let (mut state, now) = (state(), Instant::now());
    register(&mut state, WEB, now);
    assert_eq!(state.status("web"), Status::Critical);
    state.update("service:web", Status::Passing, "up", now).unwrap();
    assert_eq!((state.status("web"), &*check(&state).output), (Status::Passing, "up"));
}

#[test]
fn worst_of_several_checks_counts() {
    let (mut state, now) = (state(), Instant::now());
    register(&mut state, r#"{"Name":"web","Checks":[{"TTL":"9s"},{"TTL":"9s"}]}"#, now);
    state.update("service:web:1", Status::Passing, "", now).unwrap();
    assert_eq!(state.status("web"), Status::Critical);
    state.update("service:web:2", Status::Warning, "", now).unwrap();
    assert_eq!(state.status("web"), Status::Warning);
    register(&mut state, r#"{"Name":"bare"}"#, now);
    assert_eq!(state.status("bare"), Status::Passing);
}

#[test]
fn equal_registration_keeps_status_output_and_index_and_restarts_ttl() {
    let (mut state, now) = (state(), Instant::now());
    register(&mut state, WEB, now);
    state.update("service:web", Status::Passing, "up", now).unwrap();
    let index = state.index();
    register(&mut state, WEB, now + 9 * SECOND);
    assert_eq!((state.index(), state.status("web"), &*check(&state).output), (index, Status::Passing, "up"));
    assert!(state.elapse(now + 15 * SECOND).expired.is_empty());
    assert_eq!(state.elapse(now + 19 * SECOND).expired, ["service:web"]);
}

#[test]
fn critical_check_stays_critical_after_registration_as_passing() {
    let (mut state, now) = (state(), Instant::now());
    register(&mut state, WEB, now);
    state.elapse(now + 10 * SECOND);
    register(&mut state, r#"{"Name":"web","Check":{"TTL":"10s","Status":"passing"}}"#, now + 11 * SECOND);
    assert_eq!(state.status("web"), Status::Critical);
}

#[test]
fn ttl_expires_once_and_output_has_last_output() {
    let (mut state, now) = (state(), Instant::now());
    register(&mut state, WEB, now);
    state.update("service:web", Status::Passing, "up", now).unwrap();
    let early = state.elapse(now + 10 * SECOND - Duration::from_nanos(1));
    assert_eq!(early, Elapsed { next: Some(now + 10 * SECOND), ..Elapsed::default() });
    let index = state.index();
    let elapsed = state.elapse(now + 10 * SECOND);
    assert_eq!(elapsed.expired, ["service:web"]);
    assert_eq!(elapsed.next, Some(now + 70 * SECOND));
    assert_eq!(check(&state).output, "TTL expired (last output before timeout follows): up");
    assert_eq!(state.service_index("web"), index + 1);
    assert!(state.elapse(now + 20 * SECOND).expired.is_empty());
    state.update("service:web", Status::Passing, "late", now + 20 * SECOND).unwrap();
    assert_eq!(state.status("web"), Status::Passing, "however late, an update counts");
}

#[test]
fn service_critical_for_too_long_is_removed_and_registration_restarts_time() {
    let (mut state, now) = (state(), Instant::now());
    register(&mut state, WEB, now);
    state.elapse(now + 10 * SECOND);
    register(&mut state, WEB, now + 60 * SECOND);
    assert!(state.elapse(now + 119 * SECOND).reaped.is_empty());
    assert_eq!(state.elapse(now + 120 * SECOND).reaped, ["web"]);
    assert_eq!((state.services().count(), state.checks().count()), (0, 0));
}

#[test]
fn deregistration_time_below_minimum_is_raised() {
    let (mut state, now) = (state(), Instant::now());
    register(&mut state, r#"{"Name":"web","Check":{"TTL":"1s","DeregisterCriticalServiceAfter":"1s"}}"#, now);
    assert_eq!(state.elapse(now + SECOND).next, Some(now + 61 * SECOND));
}

#[test]
fn checks_missing_in_registration_are_kept_unless_replace_is_set() {
    let (mut state, now) = (state(), Instant::now());
    register(&mut state, WEB, now);
    register(&mut state, r#"{"Name":"web","Port":80}"#, now);
    assert_eq!(state.checks().count(), 1);
    let (service, checks) = definition::service(br#"{"Name":"web","Port":80}"#).unwrap();
    state.register(service, checks, true, now);
    assert_eq!(state.checks().count(), 0);
}

#[test]
fn index_of_service_changes_only_with_visible_changes_of_it() {
    let (mut state, now) = (state(), Instant::now());
    assert_eq!((state.service_index("web"), state.index()), (1000, 1000));
    register(&mut state, WEB, now);
    let web = state.service_index("WEB");
    assert_eq!(web, 1001);
    register(&mut state, r#"{"Name":"other"}"#, now);
    assert_eq!(state.service_index("web"), web);
    assert_eq!(state.service_index("unknown"), 1000);
    state.update("service:web", Status::Critical, "note", now).unwrap();
    assert_eq!(state.service_index("web"), web, "a note alone is no change");
    state.update("service:web", Status::Passing, "note", now).unwrap();
    assert!(state.service_index("web") > web);
    state.deregister("web").unwrap();
    assert_eq!(state.service_index("web"), state.index(), "who waited for it learns that it is gone");
}

#[test]
fn registration_of_id_under_new_name_leaves_old_name() {
    let (mut state, now) = (state(), Instant::now());
    register(&mut state, r#"{"ID":"x","Name":"web"}"#, now);
    let before = state.service_index("web");
    register(&mut state, r#"{"ID":"x","Name":"api"}"#, now);
    assert_eq!((state.instances("web").count(), state.instances("api").count()), (0, 1));
    assert!(state.service_index("web") > before);
}

#[test]
fn unknown_ids_are_rejected_with_consuls_text() {
    let mut state = state();
    let text = state.update("nope", Status::Passing, "", Instant::now()).unwrap_err().text;
    assert_eq!(text, r#"Unknown check ID "nope". Ensure that the check ID is passed, not the check name."#);
    let text = state.deregister("nope").unwrap_err().text;
    assert_eq!(
        text,
        r#"Unknown service ID "nope". Ensure that the service ID is passed, not the service name."#
    );
}

#[test]
fn long_output_is_truncated_at_character_boundary() {
    let output = cut(&"é".repeat(3000));
    assert!(output.ends_with("é ... (captured 4096 of 6000 bytes)"), "{output}");
    assert_eq!(cut("short"), "short");
}
