//! Hedged reads: what they gain, what they may cost, and that nothing stays in flight.

use crate::backends::{Backends, Behaviour};
use client::{Class, Client, Hedge, Mode, Options};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

const MS: Duration = Duration::from_millis(1);

fn one_slow_of_three() -> Backends {
    Backends::new([(1, 2), (2, 2), (3, 200)].map(|(port, time)| (port, Behaviour::RespondAfter(time * MS))))
}

fn client(backends: &Backends, hedge: Option<Hedge>) -> Client<u16> {
    backends.client_with(Options { hedge, ..Options::default() })
}

/// Starts `count` calls, 500 per second; each must succeed. Returns the 99th percentile of the latencies of the last
/// nine in ten.
async fn p99(backends: &Backends, client: &Client<u16>, mode: Mode, count: usize) -> Duration {
    let mut calls = JoinSet::new();
    for n in 0..count {
        let (backends, client) = (backends.clone(), client.clone());
        calls.spawn(async move {
            let start = Instant::now();
            backends.call(&client, mode).await.unwrap();
            (n, start.elapsed())
        });
        sleep(2 * MS).await;
    }
    let all = calls.join_all().await;
    let mut took: Vec<_> = all.into_iter().filter(|(n, _)| *n >= count / 10).map(|(_, took)| took).collect();
    took.sort();
    took[took.len() * 99 / 100]
}

#[tokio::test(start_paused = true)]
async fn hedging_hides_one_slow_instance_among_three() {
    let backends = one_slow_of_three();
    let without = p99(&backends, &client(&backends, None), Mode::Read, 3000).await;
    assert!(without >= 200 * MS, "{without:?}");

    for hedge in [Hedge::P95, Hedge::After(10 * MS)] {
        let backends = one_slow_of_three();
        let hedged = p99(&backends, &client(&backends, Some(hedge)), Mode::Read, 3000).await;
        assert!(hedged <= 20 * MS, "{hedged:?} with {hedge:?}");
        backends.settle().await;
        let counted = backends.statistics();
        assert!(counted.hedges_won > 0 && counted.hedges_won <= counted.hedges, "{counted:?}");
        assert_eq!((counted.ejections, counted.in_flight), (0, 0), "slow is not failed: {counted:?}");
        assert_eq!(counted.tries, 3000 + counted.hedges);
        assert!(backends.all_calls() <= 3000 * 6 / 5, "{}", backends.all_calls());
    }
}

#[tokio::test(start_paused = true)]
async fn writes_are_never_hedged() {
    for hedge in [Hedge::P95, Hedge::After(10 * MS)] {
        let backends = one_slow_of_three();
        let client = client(&backends, Some(hedge));
        p99(&backends, &client, Mode::Read, 200).await;
        let (calls, slow, hedges) = (backends.all_calls(), backends.calls(3), backends.statistics().hedges);
        p99(&backends, &client, Mode::Write, 1000).await;
        assert!(backends.calls(3) > slow, "no write went to the slow instance");
        assert_eq!((backends.all_calls(), backends.statistics().hedges), (calls + 1000, hedges));
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_hedged_before_the_percentile_is_known() {
    let backends = one_slow_of_three();
    let client = client(&backends, Some(Hedge::P95));
    for _ in 0..127 {
        backends.call(&client, Mode::Read).await.unwrap();
    }
    assert_eq!(backends.statistics().hedges, 0);
}

#[tokio::test(start_paused = true)]
async fn hedges_add_at_most_a_fifth_if_all_instances_are_slow() {
    let backends = Backends::new((1..=3).map(|port| (port, Behaviour::RespondAfter(100 * MS))));
    let client = client(&backends, Some(Hedge::After(10 * MS)));
    p99(&backends, &client, Mode::Read, 15_000).await;
    let counted = backends.statistics();
    assert!(counted.refusals > 1000 && counted.hedges > 1000, "{counted:?}");
    assert!(backends.all_calls() <= 15_000 * 6 / 5, "{}", backends.all_calls());
    assert_eq!(counted.ejections, 0);
}

#[tokio::test(start_paused = true)]
async fn deadline_holds_with_two_tries_in_flight() {
    let backends = Backends::new((1..=3).map(|port| (port, Behaviour::Freeze)));
    let client = client(&backends, Some(Hedge::After(10 * MS)));
    for patience in [50 * MS, 700 * MS] {
        let start = Instant::now();
        assert!(backends.call_within(&client, Mode::Read, patience).await.is_err());
        assert!(start.elapsed() <= patience + 2 * MS, "{:?} of {patience:?}", start.elapsed());
    }
    assert!(backends.statistics().hedges >= 2);
    backends.settle().await;
    assert_eq!(backends.statistics().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn other_try_is_awaited_if_one_of_two_fails() {
    for fails in [Behaviour::Fail(Class::Unavailable), Behaviour::FailAfter(20 * MS, Class::Broken)] {
        let (mut first, mut second) = (0, 0);
        for _ in 0..40 {
            let backends = Backends::new([(1, Behaviour::RespondAfter(50 * MS)), (2, fails)]);
            let client = client(&backends, Some(Hedge::After(10 * MS)));
            let start = Instant::now();
            assert_eq!(backends.call(&client, Mode::Read).await.unwrap(), 1);
            let counted = backends.statistics();
            if counted.hedges == 1 {
                assert_eq!(counted.tries, 2, "no third try: {counted:?}");
                assert!(start.elapsed() < 65 * MS, "{:?}", start.elapsed());
                first += 1 - counted.hedges_won;
                second += counted.hedges_won;
            }
        }
        assert!(first > 0, "{fails:?}: the first responded");
        assert_eq!(second > 0, matches!(fails, Behaviour::FailAfter(..)), "{fails:?}: the second responded");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_stays_in_flight_after_calls_are_abandoned() {
    for seed in 0..30 {
        let mut random = StdRng::seed_from_u64(seed);
        let backends = Backends::default();
        for port in 1..=4 {
            backends.set(port, Behaviour::Respond);
        }
        let client = client(&backends, Some(Hedge::After(5 * MS)));
        let mut calls = JoinSet::new();
        for _ in 0..200 {
            let behaviour = [
                Behaviour::Respond,
                Behaviour::RespondAfter(random.random_range(1..30) * MS),
                Behaviour::Fail(Class::Broken),
                Behaviour::Freeze,
            ];
            backends.set(random.random_range(1..=4), behaviour[random.random_range(0..4)]);
            let mode = if random.random_bool(0.8) { Mode::Read } else { Mode::Write };
            let (patience, abandoned_after) =
                (random.random_range(1..800) * MS, random.random_range(1..800) * MS);
            let (backends, client) = (backends.clone(), client.clone());
            calls.spawn(async move {
                let call = backends.call_within(&client, mode, patience);
                // Whether it ends or is abandoned is random.
                let _ = timeout(abandoned_after, call).await;
            });
            sleep(random.random_range(0..4) * MS).await;
        }
        calls.join_all().await;
        backends.settle().await;
        let counted = backends.statistics();
        assert_eq!(counted.in_flight, 0, "seed {seed}");
        assert_eq!(counted.calls.iter().map(|(_, calls)| calls).sum::<u64>(), 200, "{counted:?}");
        let sent = 200 + counted.hedges + counted.retries.iter().map(|(_, retries)| retries).sum::<u64>();
        assert!(counted.tries <= sent && counted.tries as usize >= backends.all_calls(), "{counted:?}");
    }
}
