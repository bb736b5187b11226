//! The service on a database that is silent, busy, unsuitable or cut off. The PostgreSQL cases run if
//! `MARQUEE_TEST_POSTGRES` names a server.

#![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod network;
mod sqlite;
mod start;
mod writes;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use sqlx::{ConnectOptions, Connection, PgConnection};
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;
use storage::testing::{self, Database};

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let trials = vec![
        Trial::test("blocked_sqlite_makes_service_unready", || {
            block_on(sqlite::blocked_sqlite_makes_service_unready())
        }),
        trial("dead_network_costs_deadlines_and_heals", network::dead_network_costs_deadlines_and_heals),
        trial("start_on_silent_server_can_be_stopped", start::start_on_silent_server_can_be_stopped),
        trial(
            "start_while_another_instance_migrates_can_be_stopped",
            start::start_while_another_instance_migrates_can_be_stopped,
        ),
        trial("latin1_database_is_rejected", start::latin1_database_is_rejected),
        trial(
            "read_only_database_is_unavailable_until_writable",
            writes::read_only_database_is_unavailable_until_writable,
        ),
        trial("stricter_default_isolation_fails_no_write", writes::stricter_default_isolation_fails_no_write),
        trial(
            "bad_write_in_group_fails_for_its_caller_only",
            writes::bad_write_in_group_fails_for_its_caller_only,
        ),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// Returns a trial on a fresh database.
fn trial<F>(name: &str, run: fn(Database) -> F) -> Trial
where
    F: Future<Output = Outcome> + 'static,
{
    Trial::ignorable_test(name, move || {
        let server = match testing::server() {
            Ok(server) => server,
            Err(reason) => return Ok(Completion::ignored_with(reason)),
        };
        block_on(async { run(Database::create(&server).await?).await })?;
        Ok(Completion::Completed)
    })
}

fn block_on(run: impl Future<Output = Outcome>) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(run).map_err(|error| Failed::from(format!("{error:?}")))
}

fn config(url: &str) -> metadata::Config {
    let arguments = ["metadata", "--database", url, "--workers", "2", "--drain-timeout", "4s"];
    service::testing::parse(arguments).unwrap()
}

/// Opens a connection and leaves it in a transaction after `statements`.
async fn begin(database: &Database, statements: &'static str) -> Result<PgConnection, sqlx::Error> {
    let mut connection = database.options().options([("search_path", "metadata")]).connect().await?;
    sqlx::raw_sql("BEGIN").execute(&mut connection).await?;
    sqlx::raw_sql(statements).execute(&mut connection).await?;
    Ok(connection)
}

/// Waits until another connection to the database waits for a lock of the kind `event`.
async fn until_locked(database: &Database, event: &str) -> Outcome {
    let mut connection = database.options().connect().await?;
    let waiting = "SELECT count(*) FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = $1";
    let waits = async {
        while sqlx::query_scalar::<_, i64>(waiting).bind(event).fetch_one(&mut connection).await? == 0 {}
        Ok::<_, sqlx::Error>(())
    };
    tokio::time::timeout(Duration::from_secs(20), waits).await??;
    Ok(connection.close().await?)
}
