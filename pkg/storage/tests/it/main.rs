//! Opening databases: folders, locks, migrations, and writers that come at once. The cases of PostgreSQL run
//! where `MARQUEE_TEST_POSTGRES` names a server.

#![expect(clippy::unwrap_used, reason = "a test fails where it finds nothing to unwrap")]

mod postgres;
mod sqlite;

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
