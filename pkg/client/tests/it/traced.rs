//! The spans of attempts, as an OTLP endpoint receives them.

use crate::backends::{Backends, Behaviour};
use client::{Class, Hedge, Mode, Options};
use std::time::Duration;
use tokio::time::timeout;
use trace::testing::{ReceivedKind, ReceivedSpan, Receiver, listener, tracer};
use trace::{Sampler, Span, SpanKind, Tracer};

const MS: Duration = Duration::from_millis(1);
const WITHIN: Duration = Duration::from_secs(5);

/// The attempts of one sampled call.
struct Traced {
    tracer: Tracer,
    receiver: Receiver,
    request: Span,
}

impl Traced {
    async fn start() -> Self {
        let (listener, address) = listener().await.unwrap();
        let (receiver, _) = Receiver::start(listener);
        let tracer = tracer(address);
        let request = tracer.enter("request", SpanKind::Server, None);
        Self { tracer, receiver, request }
    }

    /// Ends the request; returns its span and those of the attempts, in their order.
    async fn end(self) -> (ReceivedSpan, Vec<ReceivedSpan>) {
        drop(self.request);
        self.tracer.shutdown(WITHIN).await;
        let (mut attempts, request): (Vec<_>, Vec<_>) =
            self.receiver.spans().into_iter().partition(|span| span.name != "request");
        attempts.sort_by_key(|span| span.attribute("marquee.attempt"));
        for attempt in &attempts {
            assert!(attempt.is_child_of(&request[0]), "{attempt:?}");
            assert_eq!(attempt.kind(), ReceivedKind::Client);
        }
        (request[0].clone(), attempts)
    }
}

/// Returns the instance, number, reason and outcome of an attempt.
fn described(attempt: &ReceivedSpan) -> [String; 4] {
    let text = |key: &str| attempt.attribute(key).unwrap_or_default();
    let [instance, address, port] = ["marquee.instance.id", "server.address", "server.port"].map(text);
    assert_eq!(format!("{address}:{port}"), instance, "instances of a fixed list are named by their address");
    [port, text("marquee.attempt"), text("marquee.attempt.reason"), text("marquee.attempt.outcome")]
}

fn length(span: &ReceivedSpan) -> Duration {
    Duration::from_nanos(span.end_time_unix_nano - span.start_time_unix_nano)
}

#[tokio::test]
async fn retry_is_sibling_of_failed_attempt() {
    let backends =
        Backends::new([(1, Behaviour::Fail(Class::Unavailable)), (2, Behaviour::Fail(Class::Unavailable))]);
    let client = backends.client_with(Options { tries: 2, ..Options::default() });
    let traced = Traced::start().await;
    assert!(traced.request.run(backends.call(&client, Mode::Read)).await.is_err());
    let (_, attempts) = traced.end().await;
    let [first, second] = &attempts[..] else { panic!("{attempts:?}") };
    let ports = [first, second].map(|attempt| described(attempt)[0].clone());
    assert!(ports[0] != ports[1], "{ports:?}");
    assert_eq!(described(first)[1..], ["1", "first", "unavailable"]);
    assert_eq!(described(second)[1..], ["2", "retry", "unavailable"]);
    for attempt in [first, second] {
        assert!(attempt.has_failed());
        assert_eq!(attempt.attribute("error.type").as_deref(), Some("unavailable"));
        assert_eq!(attempt.event_names(), ["instance ejected"]);
    }
}

#[tokio::test]
async fn hedge_is_sibling_of_slow_attempt_which_ends_later() {
    let slow = Behaviour::RespondAfter(300 * MS);
    let backends = Backends::new([(1, slow), (2, slow)]);
    let client = backends.client_with(Options { hedge: Some(Hedge::After(20 * MS)), ..Options::default() });
    let traced = Traced::start().await;
    // The second attempt finds a fast instance.
    let (call, cure) = (traced.request.run(backends.call(&client, Mode::Read)), async {
        while backends.all_calls() == 0 {
            tokio::time::sleep(MS).await;
        }
        [1, 2].into_iter().for_each(|port| backends.set(port, Behaviour::Respond));
    });
    let (response, ()) = tokio::join!(call, cure);
    let fast = response.unwrap();
    backends.settle().await;
    let (_, attempts) = traced.end().await;
    let [first, second] = &attempts[..] else { panic!("{attempts:?}") };
    assert_eq!(described(first)[1..], ["1", "first", "ok"]);
    assert_eq!(described(second), [&*fast.to_string(), "2", "hedge", "ok"]);
    assert_eq!(first.event_names(), ["abandoned"]);
    assert!(length(first) > 290 * MS && length(second) < 200 * MS, "{attempts:?}");
    assert!(!first.has_failed() && !second.has_failed());
}

#[tokio::test]
async fn attempt_of_abandoned_call_ends_with_its_response() {
    let backends = Backends::new([(1, Behaviour::RespondAfter(150 * MS))]);
    let client = backends.client();
    let traced = Traced::start().await;
    let call = traced.request.run(backends.call(&client, Mode::Read));
    assert!(timeout(20 * MS, call).await.is_err(), "the caller hangs up");
    backends.settle().await;
    let (_, attempts) = traced.end().await;
    assert_eq!(described(&attempts[0])[1..], ["1", "first", "ok"]);
    assert_eq!(attempts[0].event_names(), ["abandoned"]);
    assert!(length(&attempts[0]) > 140 * MS, "{attempts:?}");
}

#[tokio::test]
async fn frozen_instance_is_silent_and_call_above_limit_is_cancelled() {
    let backends = Backends::new([(1, Behaviour::Freeze)]);
    let options = Options { try_timeout: 100 * MS, max_in_flight: 2, ..Options::default() };
    let client = backends.client_with(options);
    let traced = Traced::start().await;
    let call = || traced.request.run(backends.call_within(&client, Mode::Read, 30 * MS));
    let (first, second) = tokio::join!(call(), call());
    assert!(first.is_err() && second.is_err());
    backends.settle().await;
    let (_, attempts) = traced.end().await;
    let mut outcomes = attempts.iter().map(|attempt| described(attempt)[3].clone()).collect::<Vec<_>>();
    outcomes.sort();
    assert_eq!(outcomes, ["cancelled", "silent"]);
    assert!(attempts.iter().all(ReceivedSpan::has_failed));
    let silent = attempts.iter().find(|attempt| described(attempt)[3] == "silent").unwrap();
    assert_eq!(silent.event_names(), ["abandoned", "silent", "instance ejected"]);
}

#[tokio::test]
async fn outcome_is_class_of_failure() {
    for (class, outcome, is_failure) in [
        (Class::Application, "application", false),
        (Class::Unavailable, "unavailable", true),
        (Class::Unsent, "unsent", true),
        (Class::Broken, "broken", true),
        (Class::Late, "late", true),
        (Class::Cut, "cut", true),
    ] {
        let backends = Backends::new([(1, Behaviour::Fail(class))]);
        let client = backends.client_with(Options { tries: 1, ..Options::default() });
        let traced = Traced::start().await;
        assert!(traced.request.run(backends.call(&client, Mode::Write)).await.is_err());
        let (_, attempts) = traced.end().await;
        assert_eq!(described(&attempts[0])[3], outcome);
        assert_eq!(attempts[0].has_failed(), is_failure, "{outcome}");
    }
}

#[tokio::test]
async fn refused_retry_is_event_of_request() {
    let backends = Backends::new([(1, Behaviour::Fail(Class::Broken)), (2, Behaviour::Fail(Class::Broken))]);
    let client = backends.client();
    while backends.statistics().refusals == 0 {
        assert!(backends.call(&client, Mode::Read).await.is_err());
    }
    let traced = Traced::start().await;
    assert!(traced.request.run(backends.call(&client, Mode::Read)).await.is_err());
    let (request, attempts) = traced.end().await;
    assert_eq!(attempts.len(), 1);
    assert_eq!(request.event_names(), ["retry refused by budget"]);
}

#[tokio::test]
async fn unsampled_call_has_no_spans() {
    let backends = Backends::new([(1, Behaviour::Respond)]);
    let client = backends.client();
    let (listener, address) = listener().await.unwrap();
    let (receiver, _) = Receiver::start(listener);
    let endpoint = Some(format!("http://{address}"));
    let config = trace::Config { endpoint, sampler: Sampler::AlwaysOff, ..trace::Config::default() };
    let tracer = Tracer::start(&config, "test");
    let request = tracer.enter("request", SpanKind::Server, None);
    assert!(request.run(backends.call(&client, Mode::Read)).await.is_ok());
    drop(request);
    tracer.shutdown(WITHIN).await;
    assert_eq!((receiver.spans().len(), tracer.counts()), (0, trace::Counts::default()));
}
