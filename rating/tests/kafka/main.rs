//! Ratings from a real Apache Kafka, where `MARQUEE_TEST_KAFKA` names a broker (`scripts/kafka start` prints one):
//! what librdkafka's mock cluster can't do or does otherwise.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that can't go on fails")]

mod broker;
mod dead_letters;
#[path = "../ingestion/failing.rs"]
#[expect(dead_code, reason = "the tests upon the mock cluster fail in more ways")]
mod failing;
mod memory;
#[path = "../ingestion/service.rs"]
#[expect(dead_code, reason = "the tests upon the mock cluster ask for more")]
mod service;
mod topics;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use std::pin::Pin;

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Case {
    name: &'static str,
    run: fn() -> Running,
}

macro_rules! cases {
    ($($module:ident::$name:ident),* $(,)?) => {
        &[$(Case { name: stringify!($name), run: || Box::pin($module::$name()) }),*]
    };
}

const CASES: &[Case] = cases![
    dead_letters::the_topic_of_dead_letters_is_made,
    dead_letters::a_dead_letter_that_is_too_large_is_cut,
    dead_letters::poison_of_every_kind_is_sorted_out,
    topics::a_topic_that_appears_later_is_read,
    topics::partitions_that_are_added_are_read,
    topics::a_broker_that_appears_later_is_found,
    topics::a_shorter_topic_of_the_same_name_stops_or_starts_over,
    topics::a_longer_topic_of_the_same_name_stops_or_starts_over,
    topics::a_topic_made_again_while_it_is_read_stops,
    topics::an_offset_that_retention_has_dropped_stops_or_starts_over,
    memory::a_backlog_takes_no_more_memory_than_is_set,
];

fn main() {
    let arguments = Arguments::from_args();
    let missing = broker::server().err();
    let trials = CASES.iter().map(|case| {
        let missing = missing.clone();
        Trial::ignorable_test(case.name, move || match missing {
            Some(reason) => Ok(Completion::ignored_with(reason)),
            None => run(case).map(|()| Completion::Completed),
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}

fn run(case: &Case) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on((case.run)());
    Ok(())
}

/// The event that `user` gives `record` 7 points, with its key.
fn put(user: usize, record: usize) -> (String, String) {
    let json = format!(r#"{{"userId":"u{user}","recordId":"{record}","recordType":"movie","value":7}}"#);
    (format!("movie/{record}"), json)
}

/// A rating of record 0 by each of the users.
fn puts(users: std::ops::Range<usize>) -> Vec<(String, String)> {
    users.map(|user| put(user, 0)).collect()
}
