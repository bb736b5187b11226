//! PostgreSQL: one schema per service, so that services can share a database.

mod pool;
mod start;

pub use pool::{Lease, Pool, within};

use crate::Error;
use sqlx::postgres::PgConnectOptions;
use std::time::Duration;

/// How long a statement waits for a connection: a third of a request's default time limit, so that even
/// a write queued behind two others returns 503 in an outage before its time limit (504).
const ACQUIRE_TIMEOUT: Duration = Duration::from_millis(600);

/// How long an idle connection may take to respond to a check, before it is replaced.
const PING_TIMEOUT: Duration = Duration::from_millis(300);

/// How long a connection may take to become idle again after its call, before it is closed: longer only if
/// the call was cancelled and its statement still runs.
const RETURN_TIMEOUT: Duration = Duration::from_millis(500);

/// The time limit of closing: it waits for calls in flight and closes each connection gracefully.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

/// The time limit of a single read statement. By default a request's limit is shorter.
pub const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// The time limit of a transaction that writes few rows: slightly longer than the server's lock time-out.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(8);

/// The time limit of a statement that rewrites whole tables, at startup.
pub const REWRITE_TIMEOUT: Duration = Duration::from_secs(3_600);

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

/// Returns the database's address, without user and password.
pub(crate) fn address(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or_default();
    match options.get_socket() {
        Some(socket) => format!("postgres://{}/{database}", socket.display()),
        None => format!("postgres://{}:{}/{database}", options.get_host(), options.get_port()),
    }
}
