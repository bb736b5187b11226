//! PostgreSQL: a schema of its own for each service, so that services can share a database.

mod address;
mod limit;
mod pool;
mod start;

pub(crate) use address::address;
pub use limit::{READ_TIMEOUT, REWRITE_TIMEOUT, WRITE_TIMEOUT, within};
pub use pool::{Lease, Pool};

use crate::Error;
use sqlx::postgres::PgConnectOptions;

/// What every connection sets, whatever the server's and the database's defaults are.
///
/// The timeouts let the server give up what a client has given up, or a client that is gone. Read committed is what
/// the order of the services' locks relies on: each statement sees all that was committed before it began.
/// `default_transaction_read_only` keeps the server's default: providers use it to protect a full disk.
const SETTINGS: [(&str, &str); 14] = [
    // A process that is frozen, or whose machine is gone, would hold its locks for ever, and every other instance that
    // waits for one of them would stand still.
    ("idle_in_transaction_session_timeout", "5s"),
    // Longer than a frozen process keeps its locks.
    ("lock_timeout", "6s"),
    // Longer than any statement of the largest batch takes: the caller's limit is usually shorter.
    ("statement_timeout", "2min"),
    ("idle_session_timeout", "0"),
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "15s"),
    ("default_transaction_isolation", "read committed"),
    ("default_transaction_deferrable", "off"),
    ("synchronous_commit", "on"),
    ("standard_conforming_strings", "on"),
    ("bytea_output", "hex"),
    // A search through a GIN index returns a random part of what matches beyond this.
    ("gin_fuzzy_search_limit", "0"),
];

/// Opens the schema `schema`, creating it if it is missing, with at most `connections` connections.
/// An unqualified name in a statement means that schema.
///
/// A server that accepts the connection and then is silent is tried again until it responds or the caller drops the
/// future, with a line in the log for each attempt.
///
/// # Errors
///
/// If the server refuses, or the database's encoding is not UTF-8.
pub async fn open(options: &PgConnectOptions, schema: &'static str, connections: u32) -> Result<Pool, Error> {
    let options =
        options.clone().application_name(schema).options(SETTINGS).options([("search_path", schema)]);
    start::prepare(&options, schema).await?;
    Ok(Pool::new(options, connections))
}
