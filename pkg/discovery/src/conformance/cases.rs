//! The cases. Those that use only the interface come first, then those that need further actions.

use super::bench::{Bench, Watch};
use crate::registration::{self, TTL};
use crate::registry::Instance;
use fault::{Fault, Kind};
use futures::future::try_join_all;
use libtest_mimic::Failed;
use std::slice::from_ref;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

type Outcome = Result<(), Failed>;

pub(super) async fn unknown_service_has_no_instances(bench: &Bench) -> Outcome {
    assert!(bench.watch().next().await.is_empty());
    Ok(())
}

pub(super) async fn instance_is_found_as_registered(bench: &Bench) -> Outcome {
    let one = bench.instance("10.1.2.3", 8082);
    bench.registry.register(&one).await?;
    assert_eq!(bench.watch().next().await[..], [one]);
    Ok(())
}

pub(super) async fn later_watch_starts_with_current_set(bench: &Bench) -> Outcome {
    let one = bench.instance("rating.internal", 65535);
    bench.registry.register(&one).await?;
    bench.watch().until(from_ref(&one)).await;
    assert_eq!(bench.watch().next().await[..], [one]);
    Ok(())
}

pub(super) async fn watch_on_empty_service_wakes_at_first_registration(bench: &Bench) -> Outcome {
    let mut watch = bench.watch();
    assert!(watch.next().await.is_empty());
    // A change of another service may wake it too, without a new set.
    let other = bench.instance_of(&bench.metadata, "127.0.0.1", 2);
    bench.registry.register(&other).await?;
    bench.registry.deregister(&other).await?;
    let one = bench.instance("127.0.0.1", 1);
    bench.registry.register(&one).await?;
    assert_eq!(watch.next().await[..], [one]);
    Ok(())
}

pub(super) async fn instances_are_sorted_by_id(bench: &Bench) -> Outcome {
    let [a, b, c] = [1, 2, 3].map(|port| bench.instance("::1", port));
    for each in [&b, &c, &a] {
        bench.registry.register(each).await?;
    }
    bench.watch().until(&[a, b, c]).await;
    Ok(())
}

pub(super) async fn tags_keep_their_order(bench: &Bench) -> Outcome {
    let tags = ["zulu", "Alpha", "m=1", "alpha"].map(str::to_owned).to_vec();
    let one = Instance { tags, ..bench.instance("127.0.0.1", 1) };
    bench.registry.register(&one).await?;
    assert_eq!(bench.watch().next().await[..], [one]);
    Ok(())
}

pub(super) async fn id_may_contain_dots_colons_and_dashes(bench: &Bench) -> Outcome {
    let one = bench.instance("127.0.0.1", 1);
    let one = Instance { id: format!("{}:a.b_c-::1-80", one.id), ..one };
    bench.registry.register(&one).await?;
    let mut watch = bench.watch();
    assert_eq!(watch.next().await[..], *from_ref(&one));
    bench.registry.heartbeat(&one).await?;
    bench.registry.deregister(&one).await?;
    watch.until(&[]).await;
    Ok(())
}

pub(super) async fn service_is_found_in_any_case_of_its_name(bench: &Bench) -> Outcome {
    let one = bench.instance("127.0.0.1", 1);
    bench.registry.register(&one).await?;
    let found = Watch(bench.registry.watch(&bench.rating.to_uppercase())).next().await;
    assert_eq!(found.iter().map(|instance| &instance.id).collect::<Vec<_>>(), [&one.id]);
    Ok(())
}

pub(super) async fn registration_with_same_id_replaces_instance(bench: &Bench) -> Outcome {
    let before = bench.instance("127.0.0.1", 8082);
    let after = Instance { host: "127.0.0.2".to_owned(), tags: Vec::new(), ..before.clone() };
    bench.registry.register(&before).await?;
    let mut watch = bench.watch();
    assert_eq!(watch.next().await[..], [before]);
    bench.registry.register(&after).await?;
    watch.until(&[after]).await;
    Ok(())
}

pub(super) async fn equal_registration_is_no_change(bench: &Bench) -> Outcome {
    let [one, two, _] = bench.three();
    bench.registry.register(&one).await?;
    let mut watch = bench.watch();
    assert_eq!(watch.next().await.len(), 1);
    bench.registry.register(&one).await?;
    bench.registry.register(&two).await?;
    assert_eq!(watch.next().await[..], [one, two]);
    Ok(())
}

pub(super) async fn heartbeat_is_no_change(bench: &Bench) -> Outcome {
    let [one, two, _] = bench.three();
    bench.registry.register(&one).await?;
    let mut watch = bench.watch();
    assert_eq!(watch.next().await.len(), 1);
    bench.registry.heartbeat(&one).await?;
    bench.registry.heartbeat(&one).await?;
    bench.registry.register(&two).await?;
    assert_eq!(watch.next().await[..], [one, two]);
    Ok(())
}

/// Checks the error of a heartbeat for an unknown instance.
async fn refusal(bench: &Bench, instance: &Instance) -> Option<Kind> {
    bench.registry.heartbeat(instance).await.err().map(|error| error.kind())
}

pub(super) async fn heartbeat_of_unknown_instance_is_not_found(bench: &Bench) -> Outcome {
    assert_eq!(refusal(bench, &bench.instance("127.0.0.1", 1)).await, Some(Kind::NotFound));
    Ok(())
}

pub(super) async fn deregistered_instance_is_removed_and_not_found(bench: &Bench) -> Outcome {
    let [one, two, _] = bench.three();
    bench.registry.register(&one).await?;
    bench.registry.register(&two).await?;
    let mut watch = bench.watch();
    watch.until(&[one.clone(), two.clone()]).await;
    bench.registry.deregister(&one).await?;
    watch.until(&[two]).await;
    assert_eq!(refusal(bench, &one).await, Some(Kind::NotFound));
    Ok(())
}

pub(super) async fn deregistering_twice_is_no_error(bench: &Bench) -> Outcome {
    let one = bench.instance("127.0.0.1", 1);
    bench.registry.register(&one).await?;
    bench.registry.deregister(&one).await?;
    bench.registry.deregister(&one).await?;
    Ok(())
}

pub(super) async fn deregistered_instance_can_return(bench: &Bench) -> Outcome {
    let one = bench.instance("127.0.0.1", 1);
    let mut watch = bench.watch();
    bench.registry.register(&one).await?;
    watch.until(from_ref(&one)).await;
    bench.registry.deregister(&one).await?;
    watch.until(&[]).await;
    bench.registry.register(&one).await?;
    watch.until(from_ref(&one)).await;
    bench.registry.heartbeat(&one).await?;
    Ok(())
}

pub(super) async fn service_is_watched_separately(bench: &Bench) -> Outcome {
    let one = bench.instance("127.0.0.1", 1);
    bench.registry.register(&one).await?;
    let mut watch = bench.watch();
    assert_eq!(watch.next().await.len(), 1);
    bench.registry.register(&bench.instance_of(&bench.metadata, "127.0.0.1", 2)).await?;
    bench.registry.deregister(&one).await?;
    assert!(watch.next().await.is_empty());
    Ok(())
}

pub(super) async fn every_watch_sees_last_state(bench: &Bench) -> Outcome {
    let mut watches = [bench.watch(), bench.watch()];
    let one = bench.instance("127.0.0.1", 1);
    bench.registry.register(&one).await?;
    for watch in &mut watches {
        watch.until(from_ref(&one)).await;
    }
    bench.registry.deregister(&one).await?;
    for watch in &mut watches {
        watch.until(&[]).await;
    }
    Ok(())
}

pub(super) async fn dropped_watch_does_not_affect_others(bench: &Bench) -> Outcome {
    let [mut left, mut kept] = [bench.watch(), bench.watch()];
    assert!(left.next().await.is_empty() && kept.next().await.is_empty());
    // It is dropped during its request.
    assert!(timeout(Duration::from_millis(100), left.next()).await.is_err());
    drop(left);
    let one = bench.instance("127.0.0.1", 1);
    bench.registry.register(&one).await?;
    assert_eq!(kept.next().await[..], [one]);
    Ok(())
}

pub(super) async fn many_changes_end_with_last_state(bench: &Bench) -> Outcome {
    let [one, two, three] = bench.three();
    let mut watch = bench.watch();
    assert!(watch.next().await.is_empty());
    let changes = async {
        for _ in 0..20 {
            bench.registry.register(&one).await?;
            bench.registry.register(&two).await?;
            bench.registry.deregister(&one).await?;
        }
        bench.registry.register(&three).await
    };
    let last = [two.clone(), three.clone()];
    let (changed, ()) = tokio::join!(changes, watch.until(&last));
    changed?;
    Ok(())
}

pub(super) async fn concurrent_registrations_are_all_found(bench: &Bench) -> Outcome {
    let mut all: Vec<Instance> = (1..=100).map(|port| bench.instance("127.0.0.1", port)).collect();
    all.sort();
    let mut watch = bench.watch();
    try_join_all(all.iter().map(|each| bench.registry.register(each))).await?;
    watch.until(&all).await;
    let (gone, left) = all.split_at(50);
    try_join_all(gone.iter().map(|each| bench.registry.deregister(each))).await?;
    watch.until(left).await;
    Ok(())
}

pub(super) async fn registered_instance_is_listed_until_it_stops(bench: &Bench) -> Outcome {
    let one = bench.instance("127.0.0.1", 1);
    let stop = CancellationToken::new();
    let announced = registration::announce(bench.registry.clone(), one.clone(), stop.clone());
    let mut watch = bench.watch();
    let seen = async {
        watch.until(from_ref(&one)).await;
        stop.cancel();
        watch.until(&[]).await;
    };
    tokio::join!(announced, seen);
    Ok(())
}

pub(super) async fn critical_instance_is_not_listed_and_heartbeat_restores_it(bench: &Bench) -> Outcome {
    let [one, two, _] = bench.three();
    bench.registry.register(&one).await?;
    bench.registry.register(&two).await?;
    let mut watch = bench.watch();
    watch.until(&[one.clone(), two.clone()]).await;
    bench.subject.fail(&one).await?;
    watch.until(from_ref(&two)).await;
    assert_eq!(bench.watch().next().await[..], *from_ref(&two));
    bench.registry.heartbeat(&one).await?;
    watch.until(&[one, two]).await;
    Ok(())
}

pub(super) async fn registering_critical_instance_again_restores_it(bench: &Bench) -> Outcome {
    let one = bench.instance("127.0.0.1", 1);
    bench.registry.register(&one).await?;
    let mut watch = bench.watch();
    watch.until(from_ref(&one)).await;
    bench.subject.fail(&one).await?;
    watch.until(&[]).await;
    bench.registry.register(&one).await?;
    watch.until(&[one]).await;
    Ok(())
}

pub(super) async fn instance_without_heartbeats_is_removed_and_may_return(bench: &Bench) -> Outcome {
    let [silent, alive, _] = bench.three();
    bench.registry.register(&silent).await?;
    bench.registry.register(&alive).await?;
    let both = [silent.clone(), alive.clone()];
    let mut watch = bench.watch();
    watch.until(&both).await;
    let registered = Instant::now();
    let beats = async {
        loop {
            sleep(TTL / 5).await;
            bench.registry.heartbeat(&alive).await?;
        }
    };
    tokio::select! {
        failed = beats => return failed,
        () = watch.until_within(TTL * 2, from_ref(&alive)) => {}
    }
    assert!(registered.elapsed() > TTL - Duration::from_secs(2), "too early: {:?}", registered.elapsed());
    // A heartbeat is accepted however late it is.
    bench.registry.heartbeat(&silent).await?;
    watch.until(&both).await;
    Ok(())
}

pub(super) async fn registry_restarted_empty_has_no_instances(bench: &Bench) -> Outcome {
    let one = bench.instance("127.0.0.1", 1);
    bench.registry.register(&one).await?;
    bench.subject.restart().await?;
    assert_eq!(refusal(bench, &one).await, Some(Kind::NotFound));
    assert!(bench.watch().next().await.is_empty());
    bench.registry.register(&one).await?;
    assert_eq!(bench.watch().next().await[..], [one]);
    Ok(())
}

pub(super) async fn registered_instance_returns_after_restart(bench: &Bench) -> Outcome {
    let [one, two, _] = bench.three();
    let stop = CancellationToken::new();
    let announced = registration::announce(bench.registry.clone(), one.clone(), stop.clone());
    let mut watch = bench.watch();
    let seen = async {
        watch.until(from_ref(&one)).await;
        bench.subject.restart().await?;
        // Within one heartbeat interval.
        let again = Duration::from_secs(6);
        bench.watch().until_within(again, from_ref(&one)).await;
        bench.registry.register(&two).await?;
        watch.until(&[one.clone(), two.clone()]).await;
        stop.cancel();
        Ok::<_, Failed>(())
    };
    tokio::join!(announced, seen).1
}
