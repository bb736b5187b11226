//! What every store of ratings must do, case by case, on memory, SQLite and PostgreSQL, each as it is and with a
//! cache before it; what the writer must do upon each of them, shown by random runs; and what is there when a store is
//! opened again.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod cases;
mod contention;
mod fresh;
mod history;
mod random;
mod stored;
mod stores;
mod traced;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use std::future::Future;
use std::pin::Pin;
use storage::testing;
use stores::{Backend, Stores};

type Running<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A case by its name: what it does on a fresh database.
struct Case {
    name: &'static str,
    run: for<'a> fn(&'a Stores) -> Running<'a>,
}

macro_rules! cases {
    ($($module:ident::$name:ident),* $(,)?) => {
        &[$(Case { name: stringify!($name), run: |stores| Box::pin($module::$name(stores)) }),*]
    };
}

const CASES: &[Case] = cases![
    cases::a_second_rating_replaces_the_first,
    cases::a_deleted_rating_leaves_the_aggregate_as_if_it_had_never_been,
    cases::a_put_that_changes_nothing_changes_no_revision,
    cases::the_revision_goes_on_growing_when_ratings_return,
    cases::the_last_write_of_a_batch_wins,
    cases::records_differ_by_their_type,
    cases::any_id_that_the_model_allows_is_kept_byte_by_byte,
    cases::batch_aggregates_come_in_the_order_asked,
    cases::a_users_ratings_come_newest_first,
    cases::a_users_ratings_page_by_key,
    cases::the_top_is_ordered_by_weighted_mean,
    cases::the_top_pages_by_key,
    cases::a_changed_prior_changes_every_weighted_mean,
    cases::positions_are_stored_with_their_batch,
    cases::a_batch_that_expects_another_position_is_refused_whole,
    cases::forgotten_positions_are_gone,
    cases::the_clusters_of_a_topic_are_known,
    cases::a_large_batch_is_applied_whole,
    random::batches_do_what_their_writes_do_one_by_one,
    random::transactions_that_meet_at_new_names_agree,
    random::concurrent_writers_agree_with_the_model,
    fresh::no_read_answers_what_was_before_a_write_that_was_answered,
    fresh::what_another_instance_has_written_shows_in_time,
    traced::statements_of_a_sampled_request_are_its_spans,
];

fn main() {
    let arguments = Arguments::from_args();
    let trials = Backend::all().flat_map(|backend| {
        let missing = backend.missing();
        CASES.iter().map(move |case| {
            let name = format!("{}::{}", backend.name(), case.name);
            let missing = missing.clone();
            Trial::ignorable_test(name, move || match missing {
                Some(reason) => Ok(Completion::ignored_with(reason)),
                None => run(backend, case).map(|()| Completion::Completed),
            })
        })
    });
    libtest_mimic::run(&arguments, trials.chain(on_files()).chain(on_postgres()).collect()).exit();
}

/// The cases that open stores of their own.
fn on_files() -> [Trial; 3] {
    [
        Trial::test("sqlite::whatever_waits_for_the_table_is_there_when_the_file_is_opened_again", || {
            block_on(stored::whatever_waits_for_the_table_is_there_when_the_file_is_opened_again())
        }),
        Trial::test("sqlite::a_batch_that_is_broken_off_leaves_all_or_nothing", || {
            block_on(stored::a_batch_that_is_broken_off_leaves_all_or_nothing())
        }),
        Trial::test("sqlite::what_the_first_version_stored_is_kept", || {
            block_on(stored::what_the_first_version_stored_in_sqlite_is_kept())
        }),
    ]
}

/// A case on PostgreSQL alone.
type OnPostgres = fn() -> Running<'static>;

macro_rules! on_postgres {
    ($($module:ident::$name:ident),* $(,)?) => {
        [$((stringify!($name), || Box::pin($module::$name()))),*]
    };
}

/// The cases that open PostgreSQL databases of their own.
fn on_postgres() -> impl Iterator<Item = Trial> {
    let cases: [(&str, OnPostgres); _] = on_postgres![
        contention::instance_that_starts_blocks_no_batch,
        contention::victim_of_deadlock_is_tried_again,
        contention::defaults_of_database_change_nothing,
        contention::rejected_value_fails_its_call_alone,
        history::ratings_go_to_their_users_after_the_database_lost_keys,
        history::random_batches_agree_with_the_model_whatever_is_lost,
        history::keys_given_by_another_instance_do_not_discard_the_cache,
        stored::what_the_first_version_stored_in_postgresql_is_kept,
    ];
    cases.into_iter().map(|(name, case)| {
        Trial::ignorable_test(format!("postgres::{name}"), move || {
            if let Err(reason) = testing::server() {
                return Ok(Completion::ignored_with(reason));
            }
            block_on(case())?;
            Ok(Completion::Completed)
        })
    })
}

fn run(backend: Backend, case: &Case) -> Result<(), Failed> {
    block_on(async {
        let stores = Stores::open(backend).await;
        (case.run)(&stores).await;
    })
}

fn block_on(case: impl Future<Output = ()>) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(case);
    Ok(())
}
