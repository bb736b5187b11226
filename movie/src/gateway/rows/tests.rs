//! Responses that are shuffled, or have an unexpected row, at random.

use super::*;
use model::Histogram;
use model::Record;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

fn id(number: usize) -> RecordId {
    RecordId::new(number.to_string()).unwrap()
}

fn row(record_type: &str, number: usize) -> Aggregate {
    Aggregate {
        record: Record { record_type: RecordType::new(record_type).unwrap(), record_id: id(number) },
        histogram: Histogram::new([1; 10]),
        weighted_mean: 5.5,
        revision: number as u64,
    }
}

fn numbers(rows: &[Aggregate]) -> Vec<u64> {
    rows.iter().map(|row| row.revision).collect()
}

#[test]
fn rows_are_sorted_and_unexpected_rows_are_found() {
    let movie = RecordType::movie();
    let mut random = StdRng::seed_from_u64(11);
    for _ in 0..2000 {
        let count = random.random_range(1..40);
        let mut requested: Vec<usize> = (0..count).collect();
        requested.shuffle(&mut random);
        let ids: Vec<RecordId> = requested.iter().copied().map(id).collect();
        let known: Vec<usize> = requested.iter().copied().filter(|_| random.random_ratio(3, 4)).collect();
        let expected: Vec<u64> = known.iter().map(|number| *number as u64).collect();

        let mut rows: Vec<_> = known.iter().map(|number| row("movie", *number)).collect();
        if random.random_ratio(3, 4) {
            rows.shuffle(&mut random);
        }
        assert_eq!(numbers(&in_order(&movie, &ids, rows.clone()).unwrap()), expected);

        let (more, found) = match random.random_range(0..3) {
            0 => (row("movie", count), Unexpected::NotRequested),
            1 if !known.is_empty() => {
                (row("movie", known[random.random_range(0..known.len())]), Unexpected::Repeated)
            }
            _ => (row("book", requested[0]), Unexpected::OtherType),
        };
        rows.insert(random.random_range(0..=rows.len()), more);
        assert_eq!(in_order(&movie, &ids, rows).unwrap_err(), found);
    }
}

#[test]
fn single_row_must_have_requested_id() {
    let movie = RecordType::movie();
    let check = |row: Option<Aggregate>| single(&movie, &id(1), row).map(|row| row.map(|row| row.revision));
    assert_eq!(check(None), Ok(None));
    assert_eq!(check(Some(row("movie", 1))), Ok(Some(1)));
    assert_eq!(check(Some(row("movie", 2))), Err(Unexpected::NotRequested));
    assert_eq!(check(Some(row("book", 1))), Err(Unexpected::OtherType));
    assert_eq!(at_most_one(vec![1]), Ok(Some(1)));
    assert_eq!(at_most_one(vec![1, 2]), Err(Unexpected::TooMany));
}

#[test]
fn page_has_different_rows_up_to_its_size() {
    let movie = RecordType::movie();
    let size = model::page::Size::new(2).unwrap();
    let check = |rows: &[_]| page(&movie, &Request { size, token: None }, rows);
    assert_eq!(check(&[row("movie", 2), row("movie", 1)]), Ok(vec![id(2), id(1)]));
    assert_eq!(check(&[row("movie", 1), row("movie", 1)]), Err(Unexpected::Repeated));
    assert_eq!(check(&[row("movie", 1), row("book", 2)]), Err(Unexpected::OtherType));
    assert_eq!(check(&[row("movie", 1), row("movie", 2), row("movie", 3)]), Err(Unexpected::TooMany));
}
