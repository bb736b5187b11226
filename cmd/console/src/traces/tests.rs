//! Tests of the trace store: against a plain model, its limits, and a day of spans.

use super::testing::{linked, span};
use super::*;
use crate::text::Needle;
use crate::time::SECOND;
use proptest::prelude::*;
use std::collections::HashSet;
use std::time::Instant;

mod model;

use model::Model;

fn limits() -> Limits {
    Limits { traces: 6, bytes: 12_000, trace_spans: 4, trace_bytes: 1 << 20 }
}

fn batches() -> impl Strategy<Value = Vec<Vec<Span>>> {
    let parent = prop::option::of(1..6_u64);
    let services = prop::sample::select(vec!["a", "b", "c"]);
    let one = (1..16_u128, 1..6_u64, parent, services, 0..20_u64, 0..20_u64, any::<bool>(), 0..3_usize);
    let one = one.prop_map(|(trace, id, parent, service, start, length, error, route)| {
        let mut span = span(trace, id, parent.filter(|parent| *parent != id), service, 1_000 + start);
        span.end = span.start + length;
        span.error = error;
        span.name = ["GET /x", "GET /y", "GET /z"][route].into();
        if length == 7 { linked(span, u128::from(start) % 16, 1) } else { span }
    });
    prop::collection::vec(prop::collection::vec(one, 1..6), 1..40)
}

fn queries() -> Vec<Query> {
    let all = Query { limit: 100, ..Query::default() };
    vec![
        all.clone(),
        Query { order: Order::Slowest, min_duration: 8, ..all.clone() },
        Query { order: Order::Failed, ..all.clone() },
        Query { service: Some("b".to_owned()), ..all.clone() },
        Query { service: Some("b".to_owned()), order: Order::Slowest, limit: 2, ..all.clone() },
        Query { service: Some("unknown".to_owned()), ..all.clone() },
        Query { route: Some("GET /y".to_owned()), failed: Some(false), ..all.clone() },
        Query { failed: Some(true), min_duration: 5, ..all.clone() },
        Query { text: Needle::new("get /Z"), limit: 3, ..all },
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn store_equals_plain_model(batches in batches()) {
        let (mut store, mut model) = (Store::new(limits()), Model::new(limits()));
        for batch in batches {
            let refused = model.add(&batch);
            prop_assert_eq!(store.add(batch), refused);
            prop_assert_eq!(store.counts(), model.counts());
            for query in queries() {
                let found: Vec<String> = store.find(&query).iter().map(|found| found.trace_id().to_owned()).collect();
                prop_assert_eq!(found, model.find(&query), "{:?}", query);
            }
            prop_assert!(store.bytes <= limits().bytes && store.traces.len() <= limits().traces);
        }
        // Nothing is left behind by what was dropped.
        let links = store.traces.values().flat_map(|trace| &trace.spans).flat_map(|span| &span.links);
        let targets: HashSet<u128> = links.map(|link| link.trace).collect();
        prop_assert!(store.linking.keys().all(|target| targets.contains(target)));
        prop_assert_eq!(store.sequences.len(), store.traces.len());
        prop_assert_eq!(store.index.newest.len(), store.traces.len());
        let ids: Vec<u128> = store.sequences.keys().copied().collect();
        for id in ids {
            prop_assert!(store.detail(id).is_some());
        }
    }
}

#[test]
fn noisy_service_does_not_evict_traces_of_others() {
    let mut store = Store::new(Limits::default());
    for id in 1..=100 {
        store.add(vec![span(id, 1, None, "quiet", 1_000 + id as u64)]);
    }
    for id in 1_000..40_000 {
        store.add(vec![span(id, 1, None, "noisy", 2_000 + id as u64)]);
    }
    let counts = store.counts();
    assert_eq!(counts.stored, counts.limit);
    assert_eq!(counts.dropped.keys().map(|name| &**name).collect::<Vec<_>>(), ["noisy"]);
    assert_eq!(counts.dropped["noisy"], 39_000 + 100 - counts.limit as u64);
    let quiet = Query { service: Some("quiet".to_owned()), limit: 500, ..Query::default() };
    assert_eq!(store.find(&quiet).len(), 100);
}

#[test]
fn late_span_of_dropped_trace_does_not_begin_it_again() {
    let mut store = Store::new(Limits { traces: 1, ..Limits::default() });
    store.add(vec![span(1, 1, None, "a", 1)]);
    store.add(vec![span(2, 1, None, "a", 2)]);
    store.add(vec![span(1, 2, Some(1), "a", 1)]);
    assert!(store.detail(1).is_none() && store.was_dropped(1) && !store.was_dropped(2));
    assert_eq!((store.counts().stored, store.counts().dropped_spans), (1, 2));
}

#[test]
fn full_trace_refuses_spans_and_still_accepts_its_root() {
    let mut store = Store::new(Limits { trace_spans: 10, ..Limits::default() });
    let children = (2..100).map(|id| span(1, id, Some(1), "a", 100)).collect();
    assert_eq!(store.add(children), 88);
    assert_eq!(store.add(vec![span(1, 1, None, "a", 50)]), 0);
    let detail = serde_json::to_value(store.detail(1).unwrap()).unwrap();
    assert_eq!((detail["complete"].as_bool(), detail["startMs"].as_f64()), (Some(false), Some(0.0)));
    assert_eq!(detail["spans"].as_array().unwrap().len(), 11);
}

#[test]
fn trace_is_listed_once_its_entry_has_arrived_or_is_late() {
    let mut store = Store::new(limits());
    store.add(vec![span(1, 2, Some(1), "rating", 100)]);
    let listed = |store: &Store, arriving_since| {
        let query = Query { arriving_since, limit: 10, ..Query::default() };
        store.find(&query).len()
    };
    assert_eq!([None, Some(100), Some(99)].map(|since| listed(&store, since)), [1, 1, 0]);
    store.add(vec![span(1, 1, None, "movie", 90)]);
    assert_eq!(listed(&store, Some(50)), 1);
}

#[test]
fn detail_is_complete_once_all_ancestors_have_arrived() {
    let mut store = Store::new(Limits::default());
    let complete =
        |store: &Store| serde_json::to_value(store.detail(1).unwrap()).unwrap()["complete"] == true;
    store.add(vec![span(1, 3, Some(2), "rating", 30)]);
    assert!(complete(&store));
    store.add(vec![span(1, 1, None, "movie", 10)]);
    assert!(!complete(&store));
    store.add(vec![span(1, 2, Some(1), "movie", 20)]);
    assert!(complete(&store));
}

#[test]
fn spans_that_are_their_own_ancestors_are_shown_without_circle() {
    let mut store = Store::new(Limits::default());
    store.add(vec![span(1, 1, Some(2), "a", 1), span(1, 2, Some(1), "a", 2), span(1, 3, Some(2), "a", 3)]);
    let detail = serde_json::to_value(store.detail(1).unwrap()).unwrap();
    let parents: Vec<_> = detail["spans"].as_array().unwrap().iter().map(|span| &span["parentId"]).collect();
    assert_eq!((parents.len(), parents.iter().filter(|parent| parent.is_null()).count()), (3, 1));
    assert_eq!(detail["complete"], false);
}

#[test]
fn linked_spans_are_shown_from_both_ends() {
    let mut store = Store::new(Limits::default());
    // Two reads rode in one batch, which links to both; a third links to the batch itself.
    let batch = linked(linked(span(10, 1, None, "rating", 5), 1, 1), 2, 1);
    store.add(vec![span(1, 1, None, "movie", 1), span(2, 1, None, "movie", 2)]);
    store.add(vec![batch, span(10, 2, Some(1), "rating", 6), linked(span(3, 1, None, "movie", 3), 10, 1)]);
    for (id, expected) in [(1, 2), (2, 2), (3, 2), (10, 3)] {
        let detail = serde_json::to_value(store.detail(id).unwrap()).unwrap();
        let spans = detail["spans"].as_array().unwrap();
        assert_eq!(spans.iter().filter(|span| span["linked"] == true).count(), expected, "{id}");
    }
}

#[test]
fn failed_attempt_is_no_failure_of_the_trace_but_a_failed_consumer_is() {
    let mut store = Store::new(Limits::default());
    let failed = |mut span: Span, kind| {
        span.error = true;
        span.kind = kind;
        span
    };
    store
        .add(vec![span(1, 1, None, "movie", 1), failed(span(1, 2, Some(1), "movie", 1), span::Kind::Client)]);
    store.add(vec![
        span(2, 1, None, "feed", 1),
        failed(span(2, 2, Some(1), "rating", 1), span::Kind::Consumer),
    ]);
    store.add(vec![failed(span(3, 1, None, "movie", 1), span::Kind::Server)]);
    let query = Query { order: Order::Failed, limit: 9, ..Query::default() };
    let ids: Vec<_> = store.find(&query).iter().map(|found| found.trace_id()[31..].to_owned()).collect();
    assert_eq!(ids, ["3", "2"]);
}

/// 100 spans a second for a day: movie calls metadata and rating, spans arrive in parts, the root last, some late.
#[test]
fn day_of_spans_stays_within_limits_and_queries_stay_fast() {
    const SECONDS: u64 = 24 * 3600;
    let (mut store, limits) = (Store::new(Limits::default()), Limits::default());
    let mut slowest_query = std::time::Duration::ZERO;
    let mut late = Vec::new();
    let templates = ["movie", "rating", "metadata"].map(|service| span(1, 1, None, service, 0));
    let of = |template: usize, trace, id, parent, start| {
        let template = &templates[template];
        Span { trace, id, parent, start, end: start + 1_000_000, ..template.clone() }
    };
    for second in 0..SECONDS {
        let (mut first, mut then) = (std::mem::take(&mut late), Vec::new());
        for n in 0..20 {
            let (trace, start) = (u128::from(second * 20 + n + 1), second * SECOND + n);
            first.push(of(1, trace, 4, Some(3), start + 3));
            first.push(of(2, trace, 5, Some(2), start + 3));
            then.push(of(0, trace, 2, Some(1), start + 2));
            then.push(of(0, trace, 3, Some(1), start + 2));
            let root = of(0, trace, 1, None, start);
            if n == 0 { late.push(root) } else { then.push(root) }
        }
        assert_eq!((store.add(first), store.add(then)), (0, 0));
        if second % 600 == 0 {
            assert!(store.bytes <= limits.bytes && store.traces.len() <= limits.traces);
            for query in [
                Query { limit: 50, ..Query::default() },
                Query { order: Order::Slowest, min_duration: SECOND, limit: 50, ..Query::default() },
                Query {
                    service: Some("metadata".to_owned()),
                    failed: Some(true),
                    limit: 50,
                    ..Query::default()
                },
                Query { text: Needle::new("not in any span"), limit: 50, ..Query::default() },
            ] {
                let began = Instant::now();
                store.find(&query);
                slowest_query = slowest_query.max(began.elapsed());
            }
        }
    }
    store.add(late);
    let counts = store.counts();
    assert_eq!(counts.received, SECONDS * 100);
    assert_eq!(counts.dropped.values().sum::<u64>() + counts.stored as u64, SECONDS * 20);
    assert_eq!(counts.dropped_spans + counts.spans as u64, counts.received);
    assert_eq!(counts.spans, counts.stored * 5);
    println!("{} traces stored, slowest query {slowest_query:?}", counts.stored);
    assert!(slowest_query < std::time::Duration::from_secs(1), "{slowest_query:?}");
}
