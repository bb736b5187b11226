//! The service on a PostgreSQL that is silent, busy, unfit or cut off. The cases run where `MARQUEE_TEST_POSTGRES` names a
//! server.

#![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod network;
mod start;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use sqlx::{ConnectOptions, Connection, PgConnection};
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;
use storage::testing::{self, Database};

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let trials = vec![
        trial("dead_network_costs_deadlines_and_heals", network::dead_network_costs_deadlines_and_heals),
        trial("start_on_a_silent_server_can_be_stopped", start::start_on_a_silent_server_can_be_stopped),
        trial(
            "start_while_another_instance_migrates_can_be_stopped",
            start::start_while_another_instance_migrates_can_be_stopped,
        ),
        trial("latin1_database_is_refused", start::latin1_database_is_refused),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// A trial on a fresh database.
fn trial<F>(name: &str, run: fn(Database) -> F) -> Trial
where
    F: Future<Output = Outcome> + 'static,
{
    Trial::ignorable_test(name, move || {
        let server = match testing::server() {
            Ok(server) => server,
            Err(reason) => return Ok(Completion::ignored_with(reason)),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let outcome = runtime.block_on(async { run(Database::create(&server).await?).await });
        outcome.map(|()| Completion::Completed).map_err(|error| Failed::from(format!("{error:?}")))
    })
}

fn config(url: &str) -> rating::Config {
    let arguments =
        ["rating", "--database", url, "--workers", "2", "--drain-timeout", "4s", "--cache-ttl", "0s"];
    service::testing::parse(arguments).unwrap()
}

/// A connection of its own in the transaction that `statements` begin.
async fn begin(database: &Database, statements: &'static str) -> Result<PgConnection, sqlx::Error> {
    let mut connection = database.options().options([("search_path", "rating")]).connect().await?;
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
