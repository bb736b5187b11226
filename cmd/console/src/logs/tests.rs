//! Tests of the log store.

use super::*;
use proptest::prelude::*;

fn record(service: &str, level: Level, trace: Option<u128>, message: &str) -> Record {
    Record {
        time: 1,
        level,
        resource: Arc::new(Resource { service: service.into(), instance: None }),
        message: message.into(),
        target: "t".into(),
        attributes: RawValue::from_string("{}".to_owned()).unwrap(),
        trace,
        span: None,
    }
}

fn ids(rows: &[Row]) -> Vec<u64> {
    rows.iter().map(|row| row.id).collect()
}

proptest! {
    #[test]
    fn store_equals_plain_list(
        records in prop::collection::vec((0..3_usize, 0..4_usize, prop::option::of(1..4_u128), "[ab]{0,3}"), 0..60),
        limit in 1..20_usize,
    ) {
        let (services, levels) = (["x", "y", "z"], [Level::Error, Level::Warn, Level::Info, Level::Debug]);
        let mut store = Store::new(Limits { records: limit, bytes: 1 << 20 });
        let mut list: Vec<(u64, usize, Level, Option<u128>, String)> = Vec::new();
        let (mut order, mut dropped) = (Vec::new(), BTreeMap::<Arc<str>, u64>::new());
        for (id, (service, level, trace, message)) in (1..).zip(records) {
            store.add(record(services[service], levels[level], trace, &message));
            list.push((id, service, levels[level], trace, message));
            if !order.contains(&service) {
                order.push(service);
            }
            if list.len() > limit {
                let count = |service: usize| list.iter().filter(|record| record.1 == service).count();
                let fullest = *order.iter().max_by_key(|service| count(**service)).unwrap();
                let oldest = list.iter().position(|record| record.1 == fullest).unwrap();
                list.remove(oldest);
                *dropped.entry(services[fullest].into()).or_default() += 1;
            }
        }
        prop_assert_eq!(store.counts(), Counts { stored: list.len(), limit, dropped });
        let all = Query { limit: 1000, ..Query::default() };
        for query in [
            all.clone(),
            Query { limit: 3, ..all.clone() },
            Query { service: Some("y".to_owned()), ..all.clone() },
            Query { level: Some(Level::Warn), ..all.clone() },
            Query { trace: Some(2), ..all.clone() },
            Query { trace: Some(2), service: Some("x".to_owned()), ..all.clone() },
            Query { text: Needle::new("AB"), ..all },
        ] {
            let selected = list.iter().rev().filter(|(_, service, level, trace, message)| {
                query.service.as_ref().is_none_or(|wanted| wanted == services[*service])
                    && query.level.is_none_or(|wanted| *level <= wanted)
                    && query.trace.is_none_or(|wanted| *trace == Some(wanted))
                    && query.text.is_none() | message.contains("ab")
            });
            let mut expected: Vec<u64> = selected.take(query.limit).map(|record| record.0).collect();
            expected.reverse();
            prop_assert_eq!(ids(&store.find(&query)), expected, "{:?}", query);
        }
        let traced: usize = store.traces.values().map(BTreeSet::len).sum();
        prop_assert_eq!(traced, list.iter().filter(|record| record.3.is_some()).count());
    }
}

#[test]
fn bytes_are_bounded_and_noisy_service_loses_only_its_own() {
    let mut store = Store::new(Limits { records: 1_000_000, bytes: 100_000 });
    store.add(record("quiet", Level::Info, None, "kept"));
    for _ in 0..10_000 {
        store.add(record("noisy", Level::Info, Some(1), &"x".repeat(500)));
        assert!(store.bytes() <= 100_000);
    }
    assert_eq!(
        store.find(&Query { service: Some("quiet".to_owned()), limit: 9, ..Query::default() }).len(),
        1
    );
    assert_eq!(store.counts().dropped.keys().map(|name| &**name).collect::<Vec<_>>(), ["noisy"]);
}

#[test]
fn reader_gets_newest_records_and_the_number_it_missed() {
    let mut store = Store::new(Limits { records: 50, bytes: 1 << 20 });
    let mut last = store.last();
    assert_eq!(store.since(&mut last, 10).1, 0);
    (0..5).for_each(|_| store.add(record("a", Level::Info, None, "")));
    let (rows, skipped) = store.since(&mut last, 10);
    assert_eq!((ids(&rows), skipped), (vec![1, 2, 3, 4, 5], 0));
    (0..100).for_each(|_| store.add(record("a", Level::Info, None, "")));
    let (rows, skipped) = store.since(&mut last, 10);
    assert_eq!((ids(&rows), skipped), ((96..=105).collect(), 90));
    // Records that were dropped before they were read are missed, too.
    (0..100).for_each(|_| store.add(record("a", Level::Info, None, "")));
    let (rows, skipped) = store.since(&mut last, 1000);
    assert_eq!((rows.len(), skipped), (50, 50));
    assert_eq!(store.since(&mut last, 10).0.len(), 0);
}
