//! Targets and their faults, as the console uses them.

use super::proxy::Proxy;
use super::*;
use console::Faults as _;
use console::faults;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::sleep;

const INSTANCE: &str = "rating-127.0.0.1-1";

async fn proxy() -> Arc<Proxy> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Arc::new(Proxy::start(listener, ([127, 0, 0, 1], 1).into()).unwrap())
}

async fn faults() -> (Arc<Faults>, Arc<Proxy>) {
    let (instance, registry) = (proxy().await, proxy().await);
    let targets =
        vec![Target::instance(INSTANCE.to_owned(), "rating", instance.clone()), Target::registry(registry)];
    (Faults::new(targets, Arc::default()), instance)
}

async fn active(faults: &Faults, id: &str) -> Option<faults::Active> {
    let targets = faults.state().await.targets;
    targets.into_iter().find(|target| target.id == id).unwrap().active
}

#[tokio::test]
async fn every_target_has_its_actions() {
    let (faults, _) = faults().await;
    let targets = faults.state().await.targets;
    let actions: Vec<_> =
        targets.iter().map(|target| (target.id.as_str(), target.actions.as_slice())).collect();
    let instance = [Action::Kill, Action::Freeze, Action::Slow, Action::Fail];
    let expected: [(&str, &[Action]); 3] =
        [(INSTANCE, &instance), ("registry", &[Action::Cut]), (TOPIC, &[Action::Burst])];
    assert_eq!(actions, expected);
    assert!(targets.iter().all(|target| target.active.is_none()));
}

#[tokio::test]
async fn unknown_target_and_action_of_another_target_are_rejected() {
    let (faults, _) = faults().await;
    for id in ["", "rating", "movie-127.0.0.1-8083"] {
        assert!(matches!(faults.apply(id, Action::Kill).await, Err(Error::UnknownTarget(_))), "{id}");
        assert!(matches!(faults.heal(id).await, Err(Error::UnknownTarget(_))), "{id}");
    }
    for (id, action) in [(INSTANCE, Action::Cut), ("registry", Action::Kill), (TOPIC, Action::Stop)] {
        assert!(matches!(faults.apply(id, action).await, Err(Error::Unsupported { .. })), "{id}");
    }
    assert!(matches!(faults.apply(TOPIC, Action::Burst).await, Err(Error::Failed(_))));
}

#[tokio::test(start_paused = true)]
async fn fault_is_healed_by_hand_or_after_a_minute() {
    let (faults, proxy) = faults().await;
    faults.heal(INSTANCE).await.unwrap();
    faults.apply(INSTANCE, Action::Kill).await.unwrap();
    let killed = active(&faults, INSTANCE).await.unwrap();
    assert_eq!(killed.action, Action::Kill);
    assert!((killed.heals_ms - killed.since_ms - 60_000.0).abs() < 1.0);
    assert!(proxy.is_closed());
    faults.heal(INSTANCE).await.unwrap();
    assert!(active(&faults, INSTANCE).await.is_none() && !proxy.is_closed());

    faults.apply(INSTANCE, Action::Kill).await.unwrap();
    sleep(Duration::from_secs(59)).await;
    assert!(proxy.is_closed());
    sleep(Duration::from_secs(2)).await;
    assert!(active(&faults, INSTANCE).await.is_none() && !proxy.is_closed());
}

#[tokio::test(start_paused = true)]
async fn fault_that_replaces_another_has_its_own_minute() {
    let (faults, proxy) = faults().await;
    faults.apply(INSTANCE, Action::Freeze).await.unwrap();
    sleep(Duration::from_secs(40)).await;
    faults.apply(INSTANCE, Action::Kill).await.unwrap();
    assert_eq!(active(&faults, INSTANCE).await.unwrap().action, Action::Kill);
    sleep(Duration::from_secs(40)).await;
    assert!(proxy.is_closed());
    sleep(Duration::from_secs(25)).await;
    assert!(!proxy.is_closed());
}
