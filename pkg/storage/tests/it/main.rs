//! Opening databases: folders, locks, migrations, writers that come at once, networks that swallow and servers that are
//! silent or refuse. The cases of PostgreSQL run where
//! `MARQUEE_TEST_POSTGRES` names a server.

#![expect(clippy::unwrap_used, reason = "a test fails where it finds nothing to unwrap")]

mod codes;
mod log;
mod outage;
mod postgres;
mod sqlite;
mod start;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use sqlx::postgres::PgConnectOptions;
use std::error::Error;
use std::process::ExitCode;
use storage::{Migration, testing};

type Outcome = Result<(), Box<dyn Error>>;

const FIRST: Migration = Migration { version: 1, name: "film", sql: "CREATE TABLE film (id INTEGER)" };
const SECOND: Migration = Migration { version: 2, name: "cinema", sql: "CREATE TABLE cinema (id INTEGER)" };

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = vec![
        trial("sqlite::folder_and_file_are_created", sqlite::folder_and_file_are_created),
        trial(
            "sqlite::a_second_opening_names_file_and_holder",
            sqlite::a_second_opening_names_file_and_holder,
        ),
        trial("sqlite::another_process_is_named", sqlite::another_process_is_named),
        trial("sqlite::a_closed_file_opens_again", sqlite::a_closed_file_opens_again),
        trial("sqlite::writers_at_once_never_find_it_busy", sqlite::writers_at_once_never_find_it_busy),
        trial(
            "sqlite::a_dropped_write_leaves_nothing_and_frees_the_writer",
            sqlite::a_dropped_write_leaves_nothing,
        ),
        trial(
            "sqlite::every_connection_waits_syncs_and_logs_ahead",
            sqlite::every_connection_waits_syncs_and_logs_ahead,
        ),
        trial("sqlite::what_is_no_database_is_an_error", sqlite::what_is_no_database_is_an_error),
        trial("sqlite::a_newer_database_is_refused", sqlite::a_newer_database_is_refused),
        trial("sqlite::a_changed_migration_is_refused", sqlite::a_changed_migration_is_refused),
        trial("sqlite::a_full_disk_says_so_and_passes", sqlite::a_full_disk_says_so_and_passes),
        trial("postgres::an_unreachable_server_is_named", postgres::an_unreachable_server_is_named),
        trial(
            "start::silent_server_is_tried_again_with_a_line_each",
            start::silent_server_is_tried_again_with_a_line_each,
        ),
        with_server(
            "start::held_migration_lock_is_waited_for_with_a_line_each",
            start::held_migration_lock_is_waited_for_with_a_line_each,
        ),
        with_server("start::encoding_other_than_utf8_is_refused", start::encoding_other_than_utf8_is_refused),
        with_server(
            "outage::swallowed_connections_are_replaced_once_the_network_heals",
            outage::swallowed_connections_are_replaced_once_the_network_heals,
        ),
        with_server("outage::cancelled_calls_cost_no_connection", outage::cancelled_calls_cost_no_connection),
        with_server("outage::late_call_is_ended_on_both_sides", outage::late_call_is_ended_on_both_sides),
        with_server("codes::every_code_has_its_kind", codes::every_code_has_its_kind),
        with_server(
            "codes::server_that_ends_a_connection_is_unavailable",
            codes::server_that_ends_a_connection_is_unavailable,
        ),
        with_server(
            "codes::connections_do_not_follow_the_databases_defaults",
            codes::connections_do_not_follow_the_databases_defaults,
        ),
        with_server("postgres::instances_may_start_at_once", postgres::instances_may_start_at_once),
        with_server("postgres::services_share_a_database", postgres::services_share_a_database),
        with_server("postgres::a_newer_database_is_refused", postgres::a_newer_database_is_refused),
        with_server("postgres::an_outage_is_told_in_time", postgres::an_outage_is_told_in_time),
        with_server(
            "postgres::what_is_not_allowed_and_what_is_missing_says_what_to_do",
            postgres::what_is_not_allowed_and_what_is_missing_says_what_to_do,
        ),
        with_server(
            "postgres::a_transaction_that_says_nothing_gives_its_locks_up",
            postgres::a_transaction_that_says_nothing_gives_its_locks_up,
        ),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial<F>(name: &str, run: impl FnOnce() -> F + Send + 'static) -> Trial
where
    F: Future<Output = Outcome>,
{
    Trial::test(name, move || block_on(run()))
}

/// A trial that gets a fresh database, and is ignored where no server is named.
fn with_server<F>(name: &str, run: impl FnOnce(PgConnectOptions) -> F + Send + 'static) -> Trial
where
    F: Future<Output = Outcome>,
{
    Trial::ignorable_test(name, move || match testing::server() {
        Ok(server) => block_on(async {
            let database = testing::Database::create(&server).await?;
            run(database.options()).await
        })
        .map(|()| Completion::Completed),
        Err(reason) => Ok(Completion::ignored_with(reason)),
    })
}

fn block_on(run: impl Future<Output = Outcome>) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(run).map_err(|error| Failed::from(format!("{error:?}")))
}
