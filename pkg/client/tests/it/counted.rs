//! What the calls are told to have come to.

use crate::backends::{Backends, Does};
use client::{Class, Client, Instances, Mode, Options};
use std::time::Duration;
use tokio::time::timeout;

const MS: Duration = Duration::from_millis(1);

fn counted(numbers: &[(&'static str, u64)], name: &str) -> u64 {
    numbers.iter().find(|(outcome, _)| *outcome == name).unwrap().1
}

#[tokio::test(start_paused = true)]
async fn the_clients_of_a_service_count_together() {
    let backends = Backends::new([(1, Does::Fail(Class::Unsent)), (2, Does::Answer)]);
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
    assert_eq!((statistics.instances, statistics.ejected), (2, 1), "one, by whomever");
    drop(clients);
    tokio::task::yield_now().await;
    assert_eq!(backends.statistics().ejected, 0, "nobody is there to have ejected it");
}

#[tokio::test(start_paused = true)]
async fn each_end_of_a_call_has_its_name() {
    let backends = Backends::new([(1, Does::Answer)]);
    let client = backends.client();
    for (does, patience, name) in [
        (Does::Answer, 100 * MS, "answered"),
        (Does::Fail(Class::Application), 100 * MS, "answered"),
        (Does::Fail(Class::Application), 100 * MS, "answered"),
        (Does::Freeze, 100 * MS, "late"),
        (Does::Freeze, 3000 * MS, "abandoned"),
        (Does::Fail(Class::Unavailable), 100 * MS, "failed"),
    ] {
        backends.set(1, does);
        let before = backends.statistics();
        // How it ends is what the numbers are to tell.
        let _ = timeout(1000 * MS, backends.call_within(&client, Mode::Write, patience)).await;
        let after = backends.statistics();
        for ((outcome, before), (_, after)) in before.calls.into_iter().zip(after.calls) {
            assert_eq!(after - before, u64::from(outcome == name), "{outcome} of one {name}");
        }
    }

    let nobody = Instances::fixed("rating", [] as [&str; 0]).unwrap();
    let client = Client::new(&nobody, |instance| instance.port, Options::default());
    assert!(backends.call(&client, Mode::Read).await.is_err());
    assert_eq!(counted(&nobody.statistics().calls, "no_instance"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_silent_instance_and_an_empty_budget_are_told() {
    let backends = Backends::new([(1, Does::Freeze), (2, Does::Freeze)]);
    let client = backends.client();
    for _ in 0..50 {
        assert!(backends.call_within(&client, Mode::Read, 600 * MS).await.is_err());
    }
    assert!(counted(&backends.statistics().retries, "silent") > 0);

    for port in [1, 2] {
        backends.set(port, Does::Fail(Class::Broken));
    }
    for _ in 0..100 {
        assert!(backends.call(&client, Mode::Read).await.is_err());
    }
    let statistics = backends.statistics();
    assert!(counted(&statistics.retries, "broken") > 0, "{statistics:?}");
    assert!(statistics.refusals > 50, "{statistics:?}");
}
