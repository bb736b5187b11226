//! Ratings from a real Apache Kafka, where `MARQUEE_TEST_KAFKA` names a broker (`scripts/kafka start` prints one):
//! what librdkafka's mock cluster can't do or does otherwise.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that can't go on fails")]

mod broker;
mod damage;
mod dead_letters;
mod disk;
#[path = "../ingestion/failing.rs"]
#[expect(dead_code, reason = "the tests upon the mock cluster fail in more ways")]
mod failing;
mod late;
mod memory;
mod refused;
#[path = "../ingestion/service.rs"]
mod service;
mod tls;
mod topics;
mod transactions;

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
    dead_letters::a_dead_letter_whose_key_is_too_large_is_cut,
    dead_letters::small_dead_letters_stay_whole_beside_a_large_one,
    dead_letters::the_topic_of_dead_letters_is_created_again_after_it_was_deleted,
    late::a_bad_event_goes_on_after_the_broker_appears_later_than_the_service,
    dead_letters::poison_of_every_kind_is_sorted_out,
    topics::a_topic_that_appears_later_is_read,
    topics::partitions_that_are_added_are_read,
    topics::a_broker_that_appears_later_is_found,
    topics::a_shorter_topic_of_the_same_name_stops_or_starts_over,
    topics::a_longer_topic_of_the_same_name_stops_or_starts_over,
    topics::a_topic_made_again_while_it_is_read_stops,
    topics::a_topic_made_again_before_anyone_looks_stops,
    topics::an_offset_that_retention_has_dropped_stops_or_starts_over,
    transactions::markers_and_aborted_records_are_no_lag,
    transactions::topic_that_begins_with_aborted_records_has_no_lag,
    transactions::deleted_marker_is_no_loss_and_deleted_event_is,
    transactions::transactional_topic_made_again_is_recognized,
    damage::events_of_every_compression_are_applied,
    damage::damaged_batch_is_not_applied_and_its_partition_is_reported,
    topics::consumer_that_is_replaced_leaves_no_partitions_in_the_report,
    memory::a_backlog_takes_no_more_memory_than_is_set,
];

fn main() {
    let arguments = Arguments::from_args();
    let trials = CASES.iter().map(|case| {
        Trial::ignorable_test(case.name, || match broker::server() {
            Ok(_) => run((case.run)()),
            Err(reason) => Ok(Completion::ignored_with(reason)),
        })
    });
    let disk = Trial::ignorable_test("a_full_disk_is_waited_out", || {
        match broker::server().and_then(|_| disk::Disk::mount()) {
            Ok(disk) => run(disk::a_full_disk_is_waited_out(disk)),
            Err(reason) => Ok(Completion::ignored_with(reason)),
        }
    });
    let refused = Trial::ignorable_test("postgres::a_row_that_the_database_refuses_is_a_dead_letter", || {
        match broker::server().and_then(|_| storage::testing::server()) {
            Ok(server) => run(refused::a_row_that_the_database_refuses_is_a_dead_letter(server)),
            Err(reason) => Ok(Completion::ignored_with(reason)),
        }
    });
    let sasl_ssl = [
        of_client("sasl_ssl::events_and_dead_letters_pass_through", |client| {
            Box::pin(tls::events_and_dead_letters_pass_through(client))
        }),
        of_client("sasl_ssl::wrong_password_is_reported", |client| {
            Box::pin(tls::wrong_password_is_reported(client))
        }),
    ];
    libtest_mimic::run(&arguments, trials.chain([disk, refused]).chain(sasl_ssl).collect()).exit();
}

/// A case that connects with a client's settings.
fn of_client(name: &'static str, case: fn(Vec<(String, String)>) -> Running) -> Trial {
    Trial::ignorable_test(name, move || match broker::server().and_then(|_| tls::client()) {
        Ok(client) => run(case(client)),
        Err(reason) => Ok(Completion::ignored_with(reason)),
    })
}

fn run(case: impl Future<Output = ()>) -> Result<Completion, Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(case);
    Ok(Completion::Completed)
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
