//! Exemplars, and what is counted for whom.

use super::recorder::{Began, Recorder};
use super::{Metrics, Protocol, Status};
use http::StatusCode;
use std::time::{Duration, Instant};

const TRACE: [u8; 16] =
    [0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36];
const OK: Status = Status::Http(StatusCode::OK);

fn ago(milliseconds: u64) -> Instant {
    Instant::now() - Duration::from_millis(milliseconds)
}

fn buckets(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| line.starts_with("request_duration_seconds_bucket"))
}

#[test]
fn latest_sampled_request_of_bucket_is_its_exemplar_in_open_metrics_only() {
    let metrics = Metrics::new();
    let recorder = Recorder::new(metrics.clone());
    let earlier = [1; 16];
    recorder.record(Protocol::Http, Some("/a/{id}"), OK, Began { at: ago(30), trace: Some(earlier) });
    recorder.record(Protocol::Http, Some("/a/{id}"), OK, Began { at: ago(30), trace: Some(TRACE) });
    recorder.record(Protocol::Http, Some("/a/{id}"), OK, Began { at: ago(30), trace: None });
    recorder.record(Protocol::Http, Some("/b"), OK, Began { at: ago(30), trace: None });
    recorder.record(
        Protocol::Grpc,
        None,
        Status::Grpc(tonic::Code::Ok),
        Began { at: ago(60_000), trace: Some(TRACE) },
    );

    let open = metrics.text(true).unwrap();
    let mut marked: Vec<_> = buckets(&open).filter(|line| line.contains(" # ")).collect();
    // `+` precedes digits.
    marked.sort_unstable();
    let (value, exemplar) = marked[1].split_once(" # ").unwrap();
    assert_eq!(value, "request_duration_seconds_bucket{le=\"0.05\",protocol=\"http\",route=\"/a/{id}\"} 3");
    let (labels, rest) = exemplar.rsplit_once('}').unwrap();
    assert_eq!(labels, "{trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\"");
    let numbers: Vec<f64> = rest.split_whitespace().map(|number| number.parse().unwrap()).collect();
    assert!((0.03..0.05).contains(&numbers[0]) && numbers[1] > 1.7e9, "{rest}");
    let overflow = "request_duration_seconds_bucket{le=\"+Inf\",protocol=\"grpc\",route=\"unknown\"} 1 # ";
    assert!(marked[0].starts_with(overflow), "{}", marked[0]);
    assert_eq!(marked.len(), 2, "{marked:?}");
    assert!(open.ends_with("# EOF\n"));

    let plain = metrics.text(false).unwrap();
    assert!(!plain.contains(" # ") && !plain.contains("trace_id") && !plain.contains("# EOF"), "{plain}");
    assert_eq!(buckets(&plain).count(), buckets(&open).count());
}

#[test]
fn unknown_routes_share_rows_also_for_exemplars() {
    let metrics = Metrics::new();
    let recorder = Recorder::new(metrics.clone());
    let ask = || {
        let missing = Status::Http(StatusCode::NOT_FOUND);
        recorder.record(Protocol::Http, None, missing, Began { at: Instant::now(), trace: Some(TRACE) });
        metrics.text(true).unwrap().lines().count()
    };
    let first = ask();
    for _ in 0..1000 {
        assert_eq!(ask(), first);
    }
}

#[test]
fn requests_of_all_workers_are_in_flight_until_they_end() {
    let metrics = Metrics::new();
    let workers = [Recorder::new(metrics.clone()), Recorder::new(metrics.clone())];
    let has = |count: &str| {
        metrics.text(false).unwrap().lines().any(|line| line == format!("requests_in_flight {count}"))
    };
    let requests = [workers[0].enter(), workers[1].enter(), workers[1].enter()];
    assert!(has("3"));
    drop(requests);
    assert!(has("0"));
}
