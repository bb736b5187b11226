//! The steps before a schema can be used, on a separate connection. A step without a response is repeated on a new
//! connection; the caller aborts by dropping the future.

use super::address::address;
use super::limit::{CLOSE_TIMEOUT, REWRITE_TIMEOUT, within};
use crate::{Error, Migration, migration};
use sqlx::migrate::Migrate;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// The time limit for the server to accept a connection, and for each step except the migrations.
const STEP_TIMEOUT: Duration = Duration::from_secs(4);

/// How long a connection waits for a lock before the wait is logged and restarted: less than a step's time limit.
const SETTINGS: [(&str, &str); 2] = [("lock_timeout", "2s"), ("statement_timeout", "0")];

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_secs(1);

/// Checks that the database can store any text, and creates the schema if it is missing.
pub(super) async fn prepare(options: &PgConnectOptions, schema: &'static str) -> Result<(), Error> {
    loop {
        let prepared = async {
            let mut connection = connect(options).await?;
            within(STEP_TIMEOUT, check_encoding(&mut connection)).await?;
            within(STEP_TIMEOUT, create(&mut connection, schema)).await?;
            close(connection).await;
            Ok(())
        };
        let prepared = prepared.await;
        if !is_to_be_repeated(options, &prepared).await {
            return prepared;
        }
    }
}

/// Applies `migrations` while no other instance does.
pub(super) async fn migrate(options: &PgConnectOptions, migrations: &[Migration]) -> Result<(), Error> {
    let mut migrator = migration::migrator(migrations);
    // Otherwise the lock would be acquired in the same step as the rest.
    migrator.set_locking(false);
    loop {
        let migrated = async {
            let mut connection = connect(options).await?;
            within(STEP_TIMEOUT, connection.lock()).await.map_err(migration::failed)?;
            let migrated = migrator.run_direct(None, &mut connection, false);
            within(REWRITE_TIMEOUT, migrated).await.map_err(migration::failed)?;
            // The lock is released with the connection.
            close(connection).await;
            Ok(())
        };
        let migrated = migrated.await;
        if !is_to_be_repeated(options, &migrated).await {
            return migrated;
        }
    }
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, Error> {
    let options = options.clone().options(SETTINGS);
    let connected: Result<_, sqlx::Error> = within(STEP_TIMEOUT, options.connect()).await;
    connected.map_err(|source| Error::Open { database: address(&options), source })
}

/// Closes a connection that is no longer needed.
async fn close(connection: PgConnection) {
    let _ = timeout(CLOSE_TIMEOUT, connection.close()).await;
}

/// Returns whether the server does not respond or another instance holds a lock, after logging it and a pause.
async fn is_to_be_repeated(options: &PgConnectOptions, done: &Result<(), Error>) -> bool {
    let Err(error) = done else { return false };
    if !error.is_worth_waiting() {
        return false;
    }
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    tracing::warn!(database = address(options), cause, "the database is not ready: trying again");
    sleep(PAUSE).await;
    true
}

async fn check_encoding(connection: &mut PgConnection) -> Result<(), Error> {
    // SQL_ASCII stores any bytes, but does not know letters.
    let encoding: String = sqlx::query_scalar("SHOW server_encoding").fetch_one(connection).await?;
    if encoding == "UTF8" { Ok(()) } else { Err(Error::Encoding(encoding)) }
}

/// Creates the schema if it is missing. This is checked first, because the role may have no right to create schemas.
/// The lock serializes instances that start at the same time, which `IF NOT EXISTS` alone does not.
async fn create(connection: &mut PgConnection, schema: &'static str) -> Result<(), Error> {
    let exists = "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)";
    if sqlx::query_scalar(exists).bind(schema).fetch_one(&mut *connection).await? {
        return Ok(());
    }
    let mut transaction = connection.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock(hashtext($1))").bind(schema).execute(&mut *transaction).await?;
    let create = format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\"");
    sqlx::query(AssertSqlSafe(create)).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(())
}
