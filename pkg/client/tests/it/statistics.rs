//! Statistics of the calls.

use crate::backends::{Backends, Behaviour};
use client::{Class, Client, Instances, Mode, Options};
use std::time::Duration;
use tokio::time::timeout;

const MS: Duration = Duration::from_millis(1);

fn counted(numbers: &[(&'static str, u64)], name: &str) -> u64 {
    numbers.iter().find(|(outcome, _)| *outcome == name).unwrap().1
}

#[tokio::test(start_paused = true)]
async fn clients_of_a_service_share_counters() {
    let backends = Backends::new([(1, Behaviour::Fail(Class::Unsent)), (2, Behaviour::Respond)]);
    let clients = [backends.client(), backends.client()];
    for client in &clients {
        for _ in 0..20 {
            assert_eq!(backends.call(client, Mode::Read).await.unwrap(), 2);
        }
    }
    let statistics = backends.statistics();
    let refused = backends.calls(1) as u64;
    assert!((1..=2).contains(&refused), "once by each client");
    assert_eq!(counted(&statistics.calls, "answered"), 40);
    assert_eq!(counted(&statistics.retries, "unsent"), refused);
    assert_eq!((statistics.tries, statistics.ejections), (40 + refused, refused));
    assert_eq!((statistics.instances, statistics.ejected), (2, 1), "one, whichever client ejected it");
    drop(clients);
    tokio::task::yield_now().await;
    assert_eq!(backends.statistics().ejected, 0, "no client is left that has ejected it");
}

#[tokio::test(start_paused = true)]
async fn each_outcome_of_a_call_is_counted_by_name() {
    let backends = Backends::new([(1, Behaviour::Respond)]);
    let client = backends.client();
    for (behaviour, patience, name) in [
        (Behaviour::Respond, 100 * MS, "answered"),
        (Behaviour::Fail(Class::Application), 100 * MS, "answered"),
        (Behaviour::Fail(Class::Application), 100 * MS, "answered"),
        (Behaviour::Freeze, 100 * MS, "late"),
        (Behaviour::Freeze, 3000 * MS, "abandoned"),
        (Behaviour::Fail(Class::Unavailable), 100 * MS, "failed"),
    ] {
        backends.set(1, behaviour);
        let before = backends.statistics();
        // The counters, not the result, are asserted.
        let _ = timeout(1000 * MS, backends.call_within(&client, Mode::Write, patience)).await;
        let after = backends.statistics();
        for ((outcome, before), (_, after)) in before.calls.into_iter().zip(after.calls) {
            assert_eq!(after - before, u64::from(outcome == name), "{outcome} of one {name}");
        }
    }

    let no_instances = Instances::fixed("rating", [] as [&str; 0]).unwrap();
    let client = Client::new(&no_instances, |instance| instance.port, Options::default());
    assert!(backends.call(&client, Mode::Read).await.is_err());
    assert_eq!(counted(&no_instances.statistics().calls, "no_instance"), 1);
}

#[tokio::test(start_paused = true)]
async fn silent_instance_and_empty_budget_are_counted() {
    let backends = Backends::new([(1, Behaviour::Freeze), (2, Behaviour::Freeze)]);
    let client = backends.client();
    for _ in 0..50 {
        assert!(backends.call_within(&client, Mode::Read, 600 * MS).await.is_err());
    }
    assert!(counted(&backends.statistics().retries, "silent") > 0);

    for port in [1, 2] {
        backends.set(port, Behaviour::Fail(Class::Broken));
    }
    for _ in 0..100 {
        assert!(backends.call(&client, Mode::Read).await.is_err());
    }
    let statistics = backends.statistics();
    assert!(counted(&statistics.retries, "broken") > 0, "{statistics:?}");
    assert!(statistics.refusals > 50, "{statistics:?}");
}

#[tokio::test(start_paused = true)]
async fn each_outcome_of_a_try_is_counted_for_its_instance() {
    let backends = Backends::new([(1, Behaviour::Respond)]);
    let client = backends.client();
    for (behaviour, patience, name) in [
        (Behaviour::RespondAfter(20 * MS), 100 * MS, "ok"),
        (Behaviour::Fail(Class::Application), 100 * MS, "error"),
        (Behaviour::Fail(Class::Unavailable), 100 * MS, "unavailable"),
        (Behaviour::Fail(Class::Unsent), 100 * MS, "unavailable"),
        (Behaviour::Fail(Class::Broken), 100 * MS, "unavailable"),
        (Behaviour::Fail(Class::Late), 100 * MS, "late"),
        (Behaviour::Freeze, 100 * MS, "late"),
    ] {
        backends.set(1, behaviour);
        let before = backends.statistics();
        // The counters, not the result, are asserted.
        let _ = backends.call_within(&client, Mode::Write, patience).await;
        backends.settle().await;
        let after = backends.statistics();
        let [instance] = &after.by_instance[..] else { panic!("{after:?}") };
        assert_eq!(instance.id, "h:1");
        for (index, (outcome, tries)) in instance.tries.into_iter().enumerate() {
            let earlier = before.by_instance.first().map_or(0, |instance| instance.tries[index].1);
            let expected = if outcome == name { after.tries - before.tries } else { 0 };
            assert_eq!(tries - earlier, expected, "{outcome} of {behaviour:?}");
        }
    }
    let statistics = backends.statistics();
    let durations = statistics.by_instance[0].durations;
    assert_eq!(durations.count(), statistics.tries);
    // The 20 ms of the response, and the whole time of the frozen try.
    assert!(durations.sum() >= 120 * MS, "{durations:?}");
}

#[tokio::test(start_paused = true)]
async fn budget_balance_adds_up_over_clients() {
    let backends = Backends::new([(1, Behaviour::Respond)]);
    let clients = [backends.client(), backends.client()];
    assert_eq!(backends.statistics().budget_balance, 16, "the reserve of each");
    for _ in 0..12 {
        backends.call(&clients[0], Mode::Read).await.unwrap();
    }
    assert_eq!(backends.statistics().budget_balance, 18);
}
