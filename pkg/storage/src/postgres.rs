//! PostgreSQL: one schema per service, so that services can share a database.

mod address;
mod limit;
mod pool;
mod start;
mod transaction;

pub(crate) use address::address;
pub use limit::{READ_TIMEOUT, REWRITE_TIMEOUT, WRITE_TIMEOUT, within};
pub use pool::{Lease, Pool};
pub use transaction::Transaction;

use crate::Error;
use sqlx::postgres::PgConnectOptions;

/// Settings of every connection, whatever the defaults of server and database.
///
/// The timeouts make the server abort what a client has aborted, and release clients that are gone. Read committed is
/// what the order of the services' locks depends on: each statement sees everything committed before it started.
/// `default_transaction_read_only` keeps the server's default: providers use it to protect a full disk.
const SETTINGS: [(&str, &str); 14] = [
    // A process that is frozen, or whose machine is gone, would hold its locks forever and block every other instance
    // that waits for one of them.
    ("idle_in_transaction_session_timeout", "5s"),
    // Longer than the locks of a frozen process are kept.
    ("lock_timeout", "6s"),
    // Longer than any statement of the largest batch: the caller's limit is usually shorter.
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
    // Beyond this limit, a search through a GIN index returns a random part of the matches.
    ("gin_fuzzy_search_limit", "0"),
];

/// Opens the schema `schema`, creating it if it is missing, with at most `connections` connections.
/// An unqualified name in a statement means that schema.
///
/// A server that accepts the connection but does not respond is retried until it responds or the caller drops the
/// future, with a line in the log for each attempt.
///
/// # Errors
///
/// If the server rejects the connection, or the database's encoding is not UTF-8.
pub async fn open(options: &PgConnectOptions, schema: &'static str, connections: u32) -> Result<Pool, Error> {
    let options =
        options.clone().application_name(schema).options(SETTINGS).options([("search_path", schema)]);
    start::prepare(&options, schema).await?;
    Ok(Pool::new(options, connections))
}
