//! Rows that come again, and rows spoilt at random, held against decoding each anew.

use super::*;
use api::metadata::v1 as metadata;
use api::rating::v1 as rating;
use fault::{Fault, Kind};
use prost::Message;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

fn known() -> Known {
    Known::register(&mut Registry::default())
}

fn film(id: u32, title: &str) -> Bytes {
    let row = metadata::Metadata {
        id: id.to_string(),
        title: title.into(),
        release_year: Some(1994),
        genres: vec!["Drama".into()],
        revision: 3,
        ..Default::default()
    };
    row.encode_to_vec().into()
}

fn ratings(id: u32, count: u64) -> Bytes {
    let row = rating::AggregatedRating {
        record_id: id.to_string(),
        record_type: "movie".into(),
        histogram: (0..10).map(|value| value * count).collect(),
        weighted_mean: 7.25,
        revision: count,
        ..Default::default()
    };
    row.encode_to_vec().into()
}

#[test]
fn a_row_that_comes_again_gives_the_same_noun_and_a_changed_one_another() {
    let nouns = known().metadata;
    let json = |noun: &Shared<Metadata>| noun.to_json::<api::json::Metadata>().unwrap().as_ptr();
    let first = nouns.all(&[film(1, "One"), film(2, "Two")]).unwrap();
    let again = nouns.all(&[film(2, "Two"), film(1, "Another"), film(1, "One")]).unwrap();
    assert_eq!((json(&first[0]), json(&first[1])), (json(&again[2]), json(&again[0])));
    assert_eq!(again[1].title.as_str(), "Another");
    assert_eq!((nouns.numbers.hits.get(), nouns.numbers.misses.get()), (2, 3));
    assert_eq!(nouns.numbers.bytes.get(), nouns.memo.bytes().cast_signed());
}

#[test]
fn a_row_that_is_no_noun_is_the_services_failure_each_time_and_not_remembered() {
    let nouns = known().metadata;
    let no_message = Bytes::from_static(&[0xff]);
    for spoilt in [film(1, ""), no_message] {
        for _ in 0..2 {
            assert_eq!(nouns.all(std::slice::from_ref(&spoilt)).unwrap_err().kind(), Kind::Internal);
        }
    }
    assert_eq!((nouns.memo.bytes(), nouns.numbers.hits.get()), (0, 0));
}

/// One of a few rows, now and then with a byte changed or its end cut off.
fn row(random: &mut impl Rng, row: fn(u32, u64) -> Bytes) -> Bytes {
    let mut bytes = row(random.random_range(0..20), random.random_range(1..4)).to_vec();
    match random.random_range(0..4) {
        0 => {
            let place = random.random_range(0..bytes.len());
            bytes[place] = random.random();
        }
        1 => bytes.truncate(random.random_range(0..bytes.len())),
        _ => {}
    }
    bytes.into()
}

fn check<T: Row + PartialEq + std::fmt::Debug>(nouns: &Nouns<T>, rows: fn(u32, u64) -> Bytes) {
    let (mut random, mut unreadable) = (StdRng::seed_from_u64(7), 0);
    for _ in 0..20_000 {
        let row = row(&mut random, rows);
        match (nouns.all(std::slice::from_ref(&row)), T::read(&row)) {
            (Ok(found), Ok(read)) => assert_eq!(found, [read]),
            (Err(_), Err(_)) => unreadable += 1,
            (found, read) => panic!("{row:?}: {found:?}, but {read:?}"),
        }
    }
    assert!(unreadable > 1000 && nouns.numbers.hits.get() > 10_000, "{unreadable}, {nouns:?}");
}

#[test]
fn what_is_remembered_is_what_decoding_gives() {
    let known = known();
    check(&known.metadata, |id, number| film(id, &format!("Title {number}")));
    check(&known.aggregates, ratings);
}
