//! PostgreSQL: a schema of its own for each service, so that services can share a database.

use crate::Error;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool};
use std::time::Duration;

/// How long a statement waits for a connection. A third of the time that a request has by default, so that even
/// a write that waits behind two others is told of an outage (503) before its time is over (504).
const ACQUIRE_TIMEOUT: Duration = Duration::from_millis(600);

/// How long the server lets a transaction wait for its client. A process that is frozen, or whose machine is
/// gone, would hold its locks for ever, and every other instance that comes upon them would stand still.
const IDLE_TIMEOUT: &str = "5s";

/// Opens the schema `schema`, which is created where it is missing, with at most `connections` connections.
/// An unqualified name in a statement means that schema.
pub async fn open(
    options: &PgConnectOptions,
    schema: &'static str,
    connections: u32,
) -> Result<PgPool, Error> {
    let settings = [("search_path", schema), ("idle_in_transaction_session_timeout", IDLE_TIMEOUT)];
    let options = options.clone().application_name(schema).options(settings);
    // A pool tells only that it ran out of time; a connection tells why.
    let mut connection =
        options.connect().await.map_err(|source| Error::Open { database: address(&options), source })?;
    create(&mut connection, schema).await?;
    connection.close().await?;
    let pool = PgPoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE_TIMEOUT);
    Ok(pool.connect_lazy_with(options))
}

/// Creates the schema where it is missing. The look beforehand spares a role that may not create schemas the
/// attempt; the lock lets instances that start at once take turns, which `IF NOT EXISTS` alone does not.
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

/// The database's address, without user and password.
pub(crate) fn address(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or_default();
    match options.get_socket() {
        Some(socket) => format!("postgres://{}/{database}", socket.display()),
        None => format!("postgres://{}:{}/{database}", options.get_host(), options.get_port()),
    }
}
