//! Which failures are tried elsewhere, for how long, and how often.

use crate::backends::{Backends, Does, Failed};
use client::{Class, Error, Mode};
use fault::{Fault, Kind};
use std::time::Duration;
use tokio::time::Instant;

const MS: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn reads_find_the_instance_that_is_well_and_leave_the_others_alone() {
    for class in [Class::Unavailable, Class::Unsent, Class::Broken] {
        let backends = Backends::new([(1, Does::Fail(class)), (2, Does::Fail(class)), (3, Does::Answer)]);
        let client = backends.client();
        for _ in 0..1000 {
            assert_eq!(backends.call(&client, Mode::Read).await.unwrap(), 3);
        }
        assert!(backends.calls(1) <= 1 && backends.calls(2) <= 1, "time stood still: one strike each");
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_goes_elsewhere_only_where_it_was_never_sent() {
    let backends = Backends::new([(1, Does::Fail(Class::Unsent)), (2, Does::Answer)]);
    let client = backends.client();
    for _ in 0..100 {
        assert_eq!(backends.call(&client, Mode::Write).await.unwrap(), 2);
    }

    for class in [Class::Unavailable, Class::Broken] {
        let backends = Backends::new([(1, Does::Fail(class)), (2, Does::Answer)]);
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
async fn an_answer_that_is_an_error_is_final_and_ejects_nobody() {
    let backends = Backends::new([(1, Does::Fail(Class::Application)), (2, Does::Fail(Class::Application))]);
    let client = backends.client();
    for _ in 0..100 {
        let error = backends.call(&client, Mode::Read).await.unwrap_err();
        assert!(matches!(error, Error::Failed { cause: Failed(Class::Application), .. }), "{error:?}");
    }
    assert_eq!(backends.all_calls(), 100);
    assert!(backends.calls(1) > 20 && backends.calls(2) > 20);
}

#[tokio::test(start_paused = true)]
async fn a_read_leaves_a_frozen_instance_after_the_try_timeout() {
    let backends = Backends::new([(1, Does::Freeze), (2, Does::AnswerAfter(MS))]);
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
async fn a_read_does_not_leave_a_slow_instance_for_one_that_fails() {
    for class in [Class::Unavailable, Class::Unsent, Class::Broken] {
        let backends = Backends::new([(1, Does::Fail(class)), (2, Does::Answer)]);
        let client = backends.client();
        // Ejected for 6.4 s at last.
        while backends.calls(1) < 7 {
            backends.call(&client, Mode::Read).await.unwrap();
            tokio::time::advance(10 * MS).await;
        }
        backends.set(2, Does::AnswerAfter(700 * MS));
        for _ in 0..8 {
            assert_eq!(backends.call(&client, Mode::Read).await.unwrap(), 2);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_leaves_a_frozen_instance_once_another_is_well_again() {
    let backends = Backends::new([(1, Does::Freeze), (2, Does::Fail(Class::Unavailable))]);
    let client = backends.client();
    // Few calls, so that the budget for retries lasts.
    assert!(backends.call(&client, Mode::Read).await.is_err());
    backends.set(2, Does::Answer);
    tokio::time::advance(1000 * MS).await;
    for _ in 0..4 {
        assert_eq!(backends.call(&client, Mode::Read).await.unwrap(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_waits_for_a_slow_instance_until_the_deadline() {
    let backends = Backends::new([(1, Does::AnswerAfter(1500 * MS)), (2, Does::AnswerAfter(1500 * MS))]);
    let client = backends.client();
    assert!(backends.call(&client, Mode::Write).await.is_ok());
    assert_eq!(backends.all_calls(), 1);
    let error = backends.call_within(&client, Mode::Write, 1000 * MS).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout);
}

#[tokio::test(start_paused = true)]
async fn nobody_outlasts_the_callers_deadline() {
    let backends = Backends::new([(1, Does::Freeze), (2, Does::Freeze), (3, Does::Freeze)]);
    let client = backends.client();
    for patience in [MS, 20 * MS, 700 * MS, 5000 * MS] {
        let start = Instant::now();
        let error = backends.call_within(&client, Mode::Read, patience).await.unwrap_err();
        assert!(matches!(error, Error::Late { .. }), "{error:?}");
        assert!(start.elapsed() <= patience + 2 * MS, "{:?} of {patience:?}", start.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn everyone_is_tried_when_everyone_is_ejected() {
    let dead = Does::Fail(Class::Unsent);
    let backends = Backends::new([(1, dead), (2, dead)]);
    let client = backends.client();
    for _ in 0..20 {
        let error = backends.call(&client, Mode::Read).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable);
    }
    backends.set(2, Does::Answer);
    // Both are ejected for 6.4 s by now; the budget for retries is there again.
    tokio::time::advance(3000 * MS).await;
    for _ in 0..20 {
        assert_eq!(backends.call(&client, Mode::Read).await.unwrap(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn retries_add_at_most_a_fifth_to_the_calls() {
    let backends = Backends::new((1..=3).map(|port| (port, Does::Fail(Class::Unavailable))));
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
async fn an_instance_that_refuses_everything_gets_under_a_hundredth_of_the_calls() {
    let refusing = Does::Fail(Class::Unavailable);
    let backends = Backends::new([(1, refusing), (2, Does::Answer), (3, Does::Answer)]);
    let client = backends.client();
    for _ in 0..10 * 500 {
        assert!(backends.call(&client, Mode::Read).await.is_ok());
        tokio::time::advance(2 * MS).await;
    }
    assert!(backends.calls(1) < 20, "{}", backends.calls(1));
}

#[tokio::test(start_paused = true)]
async fn a_recovered_instance_is_called_again_slowly_at_first() {
    let backends = Backends::new([(1, Does::Fail(Class::Broken)), (2, Does::Answer)]);
    let client = backends.client();
    while backends.calls(1) == 0 {
        backends.call(&client, Mode::Read).await.unwrap();
    }
    backends.set(1, Does::Answer);
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
async fn calls_that_are_given_up_weigh_on_nobody() {
    let backends = Backends::new([(1, Does::AnswerAfter(100 * MS)), (2, Does::AnswerAfter(100 * MS))]);
    let client = backends.client();
    for _ in 0..50 {
        let call = backends.call(&client, Mode::Read);
        assert!(tokio::time::timeout(10 * MS, call).await.is_err());
    }
    let (one, two) = (backends.calls(1), backends.calls(2));
    assert!(one.abs_diff(two) < 35, "{one} and {two}: given up calls count as neither failed nor in flight");
}
