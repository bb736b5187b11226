//! Which failures are retried, for how long, and how often.

use crate::backends::{Backends, Behaviour, Failed};
use client::{Class, Error, Mode};
use fault::{Fault, Kind};
use std::time::Duration;
use tokio::time::Instant;

const MS: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn reads_reach_the_healthy_instance_and_spare_the_others() {
    for class in [Class::Unavailable, Class::Unsent, Class::Broken] {
        let backends = Backends::new([
            (1, Behaviour::Fail(class)),
            (2, Behaviour::Fail(class)),
            (3, Behaviour::Respond),
        ]);
        let client = backends.client();
        for _ in 0..1000 {
            assert_eq!(backends.call(&client, Mode::Read).await.unwrap(), 3);
        }
        assert!(backends.calls(1) <= 1 && backends.calls(2) <= 1, "no time has passed: one failure each");
    }
}

#[tokio::test(start_paused = true)]
async fn write_is_retried_only_if_it_was_never_sent() {
    let backends = Backends::new([(1, Behaviour::Fail(Class::Unsent)), (2, Behaviour::Respond)]);
    let client = backends.client();
    for _ in 0..100 {
        assert_eq!(backends.call(&client, Mode::Write).await.unwrap(), 2);
    }

    for class in [Class::Unavailable, Class::Broken] {
        let backends = Backends::new([(1, Behaviour::Fail(class)), (2, Behaviour::Respond)]);
        let client = backends.client();
        let mut failed = 0;
        for _ in 0..100 {
            failed += usize::from(backends.call(&client, Mode::Write).await.is_err());
        }
        assert_eq!((failed, backends.calls(1)), (1, 1), "the first failure ejects, and is not repeated");
        assert_eq!(backends.all_calls(), 100);
    }
}

#[tokio::test(start_paused = true)]
async fn application_error_is_final_and_ejects_nothing() {
    let backends =
        Backends::new([(1, Behaviour::Fail(Class::Application)), (2, Behaviour::Fail(Class::Application))]);
    let client = backends.client();
    for _ in 0..100 {
        let error = backends.call(&client, Mode::Read).await.unwrap_err();
        assert!(matches!(error, Error::Failed { cause: Failed(Class::Application), .. }), "{error:?}");
    }
    assert_eq!(backends.all_calls(), 100);
    assert!(backends.calls(1) > 20 && backends.calls(2) > 20);
}

#[tokio::test(start_paused = true)]
async fn read_leaves_frozen_instance_after_try_timeout() {
    let backends = Backends::new([(1, Behaviour::Freeze), (2, Behaviour::RespondAfter(MS))]);
    let client = backends.client();
    let mut slow = 0;
    for _ in 0..50 {
        let start = Instant::now();
        assert_eq!(backends.call(&client, Mode::Read).await.unwrap(), 2);
        assert!(start.elapsed() < 510 * MS, "{:?}", start.elapsed());
        slow += usize::from(start.elapsed() > 10 * MS);
    }
    assert!(slow <= 1, "{slow} calls waited for the frozen instance");
}

#[tokio::test(start_paused = true)]
async fn read_does_not_leave_slow_instance_for_a_failing_one() {
    for class in [Class::Unavailable, Class::Unsent, Class::Broken] {
        let backends = Backends::new([(1, Behaviour::Fail(class)), (2, Behaviour::Respond)]);
        let client = backends.client();
        // After seven failures it is ejected for 6.4 s.
        while backends.calls(1) < 7 {
            backends.call(&client, Mode::Read).await.unwrap();
            tokio::time::advance(10 * MS).await;
        }
        backends.set(2, Behaviour::RespondAfter(700 * MS));
        for _ in 0..8 {
            assert_eq!(backends.call(&client, Mode::Read).await.unwrap(), 2);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn read_leaves_frozen_instance_once_another_is_healthy_again() {
    let backends = Backends::new([(1, Behaviour::Freeze), (2, Behaviour::Fail(Class::Unavailable))]);
    let client = backends.client();
    // Few calls, so that the budget for retries lasts.
    assert!(backends.call(&client, Mode::Read).await.is_err());
    backends.set(2, Behaviour::Respond);
    tokio::time::advance(1000 * MS).await;
    for _ in 0..4 {
        assert_eq!(backends.call(&client, Mode::Read).await.unwrap(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn write_waits_for_slow_instance_until_deadline() {
    let backends =
        Backends::new([(1, Behaviour::RespondAfter(1500 * MS)), (2, Behaviour::RespondAfter(1500 * MS))]);
    let client = backends.client();
    assert!(backends.call(&client, Mode::Write).await.is_ok());
    assert_eq!(backends.all_calls(), 1);
    let error = backends.call_within(&client, Mode::Write, 1000 * MS).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout);
}

#[tokio::test(start_paused = true)]
async fn no_call_outlasts_its_deadline() {
    let backends = Backends::new([(1, Behaviour::Freeze), (2, Behaviour::Freeze), (3, Behaviour::Freeze)]);
    let client = backends.client();
    for patience in [MS, 20 * MS, 700 * MS, 5000 * MS] {
        let start = Instant::now();
        let error = backends.call_within(&client, Mode::Read, patience).await.unwrap_err();
        assert!(matches!(error, Error::Late { .. }), "{error:?}");
        assert!(start.elapsed() <= patience + 2 * MS, "{:?} of {patience:?}", start.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn ejected_instances_are_tried_if_all_are_ejected() {
    let dead = Behaviour::Fail(Class::Unsent);
    let backends = Backends::new([(1, dead), (2, dead)]);
    let client = backends.client();
    for _ in 0..20 {
        let error = backends.call(&client, Mode::Read).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable);
    }
    backends.set(2, Behaviour::Respond);
    // Both are ejected for 6.4 s by now; the retry budget has recovered.
    tokio::time::advance(3000 * MS).await;
    for _ in 0..20 {
        assert_eq!(backends.call(&client, Mode::Read).await.unwrap(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn retries_add_at_most_a_fifth_to_the_calls() {
    let backends = Backends::new((1..=3).map(|port| (port, Behaviour::Fail(Class::Unavailable))));
    let client = backends.client();
    let offered = 30 * 500;
    for _ in 0..offered {
        assert!(backends.call(&client, Mode::Read).await.is_err());
        tokio::time::advance(2 * MS).await;
    }
    let sent = backends.all_calls();
    assert!(sent > offered + offered / 8, "{sent}: retries are made");
    assert!(sent <= offered + offered / 5, "{sent} sent for {offered} offered");
}

#[tokio::test(start_paused = true)]
async fn instance_that_refuses_everything_gets_under_a_hundredth_of_the_calls() {
    let refusing = Behaviour::Fail(Class::Unavailable);
    let backends = Backends::new([(1, refusing), (2, Behaviour::Respond), (3, Behaviour::Respond)]);
    let client = backends.client();
    for _ in 0..10 * 500 {
        assert!(backends.call(&client, Mode::Read).await.is_ok());
        tokio::time::advance(2 * MS).await;
    }
    assert!(backends.calls(1) < 20, "{}", backends.calls(1));
}

#[tokio::test(start_paused = true)]
async fn recovered_instance_is_called_slowly_at_first() {
    let backends = Backends::new([(1, Behaviour::Fail(Class::Broken)), (2, Behaviour::Respond)]);
    let client = backends.client();
    while backends.calls(1) == 0 {
        backends.call(&client, Mode::Read).await.unwrap();
    }
    backends.set(1, Behaviour::Respond);
    let mut calls = Vec::new();
    for later in [100 * MS, 1000 * MS] {
        tokio::time::advance(later).await;
        let before = backends.calls(1);
        for _ in 0..200 {
            backends.call(&client, Mode::Read).await.unwrap();
        }
        calls.push(backends.calls(1) - before);
    }
    assert!((1..40).contains(&calls[0]) && calls[1] > 60, "{calls:?} of 200: slowly, then half");
}

#[tokio::test(start_paused = true)]
async fn abandoned_calls_do_not_affect_balancing() {
    let backends =
        Backends::new([(1, Behaviour::RespondAfter(100 * MS)), (2, Behaviour::RespondAfter(100 * MS))]);
    let client = backends.client();
    for _ in 0..50 {
        let call = backends.call(&client, Mode::Read);
        assert!(tokio::time::timeout(10 * MS, call).await.is_err());
    }
    let (one, two) = (backends.calls(1), backends.calls(2));
    assert!(one.abs_diff(two) < 35, "{one} and {two}: abandoned calls count as neither failed nor in flight");
}
