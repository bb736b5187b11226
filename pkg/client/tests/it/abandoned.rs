//! Calls that their callers abandon: they are finished without them, up to a limit, and a short deadline says nothing
//! about an instance.

use crate::backends::{Backends, Behaviour};
use client::{Class, Hedge, Mode, Options};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

const MS: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn short_deadline_never_ejects_an_instance() {
    for seed in 0..40 {
        let mut random = StdRng::seed_from_u64(seed);
        // All respond within the time that a try may take.
        let backends = Backends::new(
            (1..=3).map(|port| (port, Behaviour::RespondAfter(random.random_range(0..450) * MS))),
        );
        let hedge = [None, Some(Hedge::P95), Some(Hedge::After(20 * MS))][random.random_range(0..3)];
        let client = backends.client_with(Options { hedge, ..Options::default() });
        let mut calls = JoinSet::new();
        for _ in 0..300 {
            let mode = if random.random_bool(0.8) { Mode::Read } else { Mode::Write };
            let longest = [600, 20_000, 700_000][random.random_range(0..3)];
            let deadline = Duration::from_micros(random.random_range(0..longest));
            let hangs_up = Duration::from_micros(random.random_range(0..1_000_000));
            let (backends, client) = (backends.clone(), client.clone());
            calls.spawn(async move {
                // Whether it succeeds, is late or is abandoned is random.
                let _ = timeout(hangs_up, backends.call_within(&client, mode, deadline)).await;
            });
            sleep(random.random_range(0..4) * MS).await;
        }
        calls.join_all().await;
        backends.settle().await;
        let counted = backends.statistics();
        assert_eq!((counted.ejections, counted.ejected), (0, 0), "seed {seed}: {counted:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn frozen_instance_is_ejected_although_no_caller_waits_for_the_try_timeout() {
    let backends = Backends::new([(1, Behaviour::Freeze), (2, Behaviour::Respond)]);
    let client = backends.client();
    let mut late = 0;
    for _ in 0..400 {
        late += usize::from(backends.call_within(&client, Mode::Read, 20 * MS).await.is_err());
        sleep(10 * MS).await;
    }
    let counted = backends.statistics();
    assert!(counted.ejections > 0 && counted.ejected == 1, "{counted:?}");
    assert!(late < 40, "{late} of 400 calls met the frozen instance");
}

#[tokio::test(start_paused = true)]
async fn recovered_instance_is_used_again_although_its_probes_take_longer_than_callers_wait() {
    let backends = Backends::new([(1, Behaviour::Fail(Class::Broken)), (2, Behaviour::Respond)]);
    let client = backends.client();
    while backends.calls(1) == 0 {
        backends.call(&client, Mode::Read).await.unwrap();
    }
    backends.set(1, Behaviour::RespondAfter(50 * MS));
    sleep(200 * MS).await;
    // The first call is the probe.
    assert!(backends.call_within(&client, Mode::Read, 20 * MS).await.is_err());
    backends.settle().await;
    assert_eq!(backends.statistics().ejected, 0);
}

#[tokio::test(start_paused = true)]
async fn call_after_its_deadline_is_not_sent() {
    let backends = Backends::new([(1, Behaviour::Respond)]);
    let client = backends.client();
    assert!(backends.call(&client, Mode::Read).await.is_ok());
    assert!(backends.call_within(&client, Mode::Read, Duration::ZERO).await.is_err());
    assert_eq!(backends.all_calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn abandoned_calls_are_finished_up_to_half_the_limit_of_an_instance() {
    let backends = Backends::new([(1, Behaviour::RespondAfter(100 * MS))]);
    let client = backends.client_with(Options { max_in_flight: 20, ..Options::default() });
    let mut calls = JoinSet::new();
    for _ in 0..15 {
        let (backends, client) = (backends.clone(), client.clone());
        calls.spawn(async move { timeout(10 * MS, backends.call(&client, Mode::Read)).await.is_err() });
    }
    assert!(calls.join_all().await.into_iter().all(|given_up| given_up));
    assert_eq!(backends.statistics().in_flight, 10, "the others are cancelled");
    backends.settle().await;
    assert_eq!(backends.finished(), 10);
}

#[tokio::test(start_paused = true)]
async fn slower_of_two_tries_is_finished() {
    let backends = Backends::new([(1, Behaviour::RespondAfter(100 * MS)), (2, Behaviour::Respond)]);
    let client = backends.client_with(Options { hedge: Some(Hedge::After(10 * MS)), ..Options::default() });
    while backends.statistics().hedges_won == 0 {
        assert_eq!(backends.call(&client, Mode::Read).await.unwrap(), 2);
    }
    backends.settle().await;
    assert_eq!(backends.finished(), backends.all_calls());
}

#[tokio::test(start_paused = true)]
async fn closed_connection_ejects_nothing_and_costs_no_budget() {
    let backends = Backends::new([(1, Behaviour::Fail(Class::Cut)), (2, Behaviour::Respond)]);
    let client = backends.client();
    for _ in 0..200 {
        assert_eq!(backends.call(&client, Mode::Read).await.unwrap(), 2);
    }
    assert!(backends.calls(1) > 50, "it still gets its share");
    let counted = backends.statistics();
    assert_eq!((counted.ejections, counted.refusals), (0, 0), "{counted:?}");
    let calls = backends.all_calls();
    for _ in 0..50 {
        // Half of them fail.
        let _ = backends.call(&client, Mode::Write).await;
    }
    assert_eq!(backends.all_calls(), calls + 50, "a write is not repeated");
}
