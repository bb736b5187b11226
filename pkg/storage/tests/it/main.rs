//! Opening databases: folders, locks, migrations, concurrent writers, networks that drop packets, and servers that do
//! not respond or reject connections. The cases of PostgreSQL run if
//! `MARQUEE_TEST_POSTGRES` is set.

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
        trial("sqlite::second_open_reports_file_and_owner", sqlite::second_open_reports_file_and_owner),
        trial("sqlite::owner_in_another_process_is_reported", sqlite::owner_in_another_process_is_reported),
        trial("sqlite::closed_file_can_be_opened_again", sqlite::closed_file_can_be_opened_again),
        trial(
            "sqlite::concurrent_writers_never_find_database_busy",
            sqlite::concurrent_writers_never_find_database_busy,
        ),
        trial(
            "sqlite::a_dropped_write_leaves_nothing_and_frees_the_writer",
            sqlite::dropped_write_leaves_nothing,
        ),
        trial(
            "sqlite::every_connection_has_busy_timeout_sync_and_wal",
            sqlite::every_connection_has_busy_timeout_sync_and_wal,
        ),
        trial("sqlite::invalid_database_file_is_an_error", sqlite::invalid_database_file_is_an_error),
        trial("sqlite::newer_database_is_rejected", sqlite::newer_database_is_rejected),
        trial("sqlite::changed_migration_is_rejected", sqlite::changed_migration_is_rejected),
        trial("sqlite::full_disk_is_reported_and_recovers", sqlite::full_disk_is_reported_and_recovers),
        trial("postgres::unreachable_server_is_reported", postgres::unreachable_server_is_reported),
        trial(
            "start::silent_server_is_retried_with_one_log_line_per_attempt",
            start::silent_server_is_retried_with_one_log_line_per_attempt,
        ),
        with_server(
            "start::held_migration_lock_is_awaited_with_one_log_line_per_attempt",
            start::held_migration_lock_is_awaited_with_one_log_line_per_attempt,
        ),
        with_server(
            "start::encoding_other_than_utf8_is_rejected",
            start::encoding_other_than_utf8_is_rejected,
        ),
        with_server(
            "outage::silent_connections_are_replaced_once_network_recovers",
            outage::silent_connections_are_replaced_once_network_recovers,
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
        with_server(
            "postgres::instances_may_start_at_the_same_time",
            postgres::instances_may_start_at_the_same_time,
        ),
        with_server(
            "postgres::connections_and_waits_are_sampled",
            postgres::connections_and_waits_are_sampled,
        ),
        with_server("postgres::services_share_a_database", postgres::services_share_a_database),
        with_server("postgres::newer_database_is_rejected", postgres::newer_database_is_rejected),
        with_server("postgres::outage_is_reported_in_time", postgres::outage_is_reported_in_time),
        with_server(
            "postgres::missing_tables_and_denied_permissions_are_distinguished",
            postgres::missing_tables_and_denied_permissions_are_distinguished,
        ),
        with_server(
            "postgres::idle_transaction_releases_its_locks",
            postgres::idle_transaction_releases_its_locks,
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

/// Creates a trial with an empty database; ignored without a server.
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
