//! The events sent: realistic ratings, and ratings that fill and change a database of a given size.

use crate::flow::{Event, Sender};
use libtest_mimic::Failed;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

const RECORDS: f64 = 10_000.0;
const USERS: u64 = 200_000;

fn event(record: u64, user: u64, value: u8) -> Event {
    let json = format!(
        r#"{{"userId":"user-{user:06}","recordId":"{record}","recordType":"movie","value":{value},"ratedAt":"2026-11-21T12:00:00.000Z"}}"#
    );
    Event { key: format!("movie/{record}"), value: Some(json.into()), protobuf: false }
}

/// Ratings by random users of records of unequal popularity.
pub(crate) fn popular(count: u64) -> impl Iterator<Item = Event> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(5);
    (0..count).map(move |_| {
        let record = (random.random::<f64>().powi(2) * RECORDS) as u64;
        event(record, random.random_range(0..USERS), random.random_range(1..=10))
    })
}

/// Returns the record and user of rating `number`; no two are equal.
fn pair(number: u64) -> (u64, u64) {
    (number % RECORDS as u64, number / RECORDS as u64 * 7 + number % RECORDS as u64 * 13)
}

/// Returns distinct ratings.
pub(crate) fn distinct(count: u64) -> impl Iterator<Item = Event> {
    (0..count).map(|number| {
        let (record, user) = pair(number);
        event(record, user, 5)
    })
}

/// Returns changes of ratings, of which [`distinct`] has sent `stored`.
pub(crate) fn changes(stored: u64, count: u64) -> impl Iterator<Item = Event> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(6);
    (0..count).map(move |_| {
        let (record, user) = pair(random.random_range(0..stored));
        event(record, user, random.random_range(1..=10))
    })
}

/// Sends all events.
pub(crate) fn send(brokers: &str, topic: &str, events: impl Iterator<Item = Event>) -> Result<(), Failed> {
    let sender = Sender::new(brokers, topic)?;
    for event in events {
        sender.send(&event, None)?;
    }
    sender.finish()
}
