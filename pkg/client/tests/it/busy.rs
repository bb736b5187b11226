//! An instance at its limit of calls in flight.

use crate::backends::{Backends, Behaviour};
use client::{Error, Mode, Options};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

const MS: Duration = Duration::from_millis(1);

fn limited(max_in_flight: usize) -> Options {
    Options { max_in_flight, ..Options::default() }
}

#[tokio::test(start_paused = true)]
async fn calls_above_the_limit_wait_within_their_deadlines_and_eject_nothing() {
    let backends = Backends::new([(1, Behaviour::RespondAfter(300 * MS))]);
    let client = backends.client_with(limited(10));
    let mut calls = JoinSet::new();
    for _ in 0..100 {
        let (backends, client) = (backends.clone(), client.clone());
        calls.spawn(async move {
            let start = Instant::now();
            let outcome = backends.call(&client, Mode::Read).await;
            (outcome, start.elapsed())
        });
    }
    let ended = calls.join_all().await;
    let served = ended.iter().filter(|(outcome, _)| outcome.is_ok()).count();
    assert_eq!(served, 60, "ten at once, for two seconds");
    for (outcome, took) in ended {
        assert!(matches!(outcome, Ok(1) | Err(Error::Late { .. })), "{outcome:?}");
        assert!(took <= 2000 * MS + 2 * MS, "{took:?}");
    }
    assert_eq!(backends.max_concurrent(), 10);
    assert_eq!(backends.statistics().ejections, 0, "{:?}", backends.statistics());
}

#[tokio::test(start_paused = true)]
async fn call_that_waits_for_a_frozen_instance_is_sent_to_another() {
    let backends = Backends::new([(1, Behaviour::Freeze), (2, Behaviour::Freeze)]);
    let client = backends.client_with(limited(2));
    let mut frozen = JoinSet::new();
    for _ in 0..4 {
        let (backends, client) = (backends.clone(), client.clone());
        frozen.spawn(async move { backends.call(&client, Mode::Write).await.is_err() });
    }
    tokio::task::yield_now().await;
    tokio::time::sleep(100 * MS).await;
    assert_eq!(backends.statistics().in_flight, 4);
    backends.set(2, Behaviour::Respond);
    let start = Instant::now();
    let waits = backends.call_within(&client, Mode::Read, 5000 * MS);
    assert_eq!(waits.await.unwrap(), 2);
    assert!(start.elapsed() < 3000 * MS, "{:?}", start.elapsed());
    assert!(frozen.join_all().await.into_iter().all(|failed| failed));
}
