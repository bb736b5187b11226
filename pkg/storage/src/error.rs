//! Errors of databases.

mod condition;

use condition::Condition;
use fault::{Fault, Kind};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// A database that can't be opened, reached or decoded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The SQLite file belongs to another process.
    #[error("{file} is in use by {holder}: only one process can open a SQLite database")]
    Held {
        /// The database's file.
        file: String,
        /// The owner (`process 4711`).
        holder: String,
    },
    /// A file or folder can't be created or read.
    #[error("can't prepare {path}")]
    File {
        /// The file or folder.
        path: String,
        /// The cause.
        source: io::Error,
    },
    /// The database can't be opened.
    #[error("can't open {database}")]
    Open {
        /// The database, without user and password.
        database: String,
        /// The cause.
        source: sqlx::Error,
    },
    /// The PostgreSQL database can't store every text.
    #[error("server_encoding must be UTF8, not {0}: create the database with ENCODING 'UTF8'")]
    Encoding(String),
    /// A newer version of this program has migrated the database.
    #[error("the database has migration {0} of a newer version: start a newer version of this program")]
    Newer(i64),
    /// The tables can't be migrated.
    #[error("can't migrate the database's tables")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// A stored row violates a rule of the model.
    #[error("stored {row} is invalid: {reason}")]
    Row {
        /// The row, by its key.
        row: String,
        /// The violated rule.
        reason: String,
    },
    /// The disk is full.
    #[error("the database's disk is full: free space on it, and writes resume")]
    Full(#[source] sqlx::Error),
    /// The PostgreSQL server is read-only.
    #[error("the database is read-only: writes resume once it is writable")]
    ReadOnly(#[source] sqlx::Error),
    /// The database's user, or that of the process, lacks a permission.
    #[error(
        "the database denied permission: grant the database user its privileges, or the process access to the file"
    )]
    Denied(#[source] sqlx::Error),
    /// Tables are missing.
    #[error("tables are missing: restart the service to run its migrations")]
    Unmigrated(#[source] sqlx::Error),
    /// The database rejected a value: SQLSTATE class 22 or 23.
    #[error("the database rejected a value")]
    Rejected(#[source] sqlx::Error),
    /// The queue of writes makes no progress.
    #[error("writes are stalled: the oldest has waited for {}s", .0.as_secs())]
    Stalled(Duration),
    /// The store is closed for writes.
    #[error("the store is closed")]
    Closed,
    /// A transaction failed that several calls shared.
    #[error(transparent)]
    Shared(Arc<Self>),
    /// A statement failed.
    #[error("a database operation failed")]
    Database(#[source] sqlx::Error),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match condition(&error) {
            Condition::Full => Self::Full(error),
            Condition::ReadOnly if is_sqlite(&error) => Self::Denied(error),
            Condition::ReadOnly => Self::ReadOnly(error),
            Condition::Denied => Self::Denied(error),
            Condition::Unmigrated => Self::Unmigrated(error),
            Condition::Rejected => Self::Rejected(error),
            Condition::Conflict | Condition::Locked | Condition::Passing | Condition::Permanent => {
                Self::Database(error)
            }
        }
    }
}

impl Error {
    /// Creates the error of a stored row `row` (`metadata "tt1"`) that violates a rule.
    pub fn row(row: impl Into<String>, reason: impl ToString) -> Self {
        Self::Row { row: row.into(), reason: reason.to_string() }
    }

    /// Returns whether the same transaction may succeed at once: it could not be serialized, or was the victim of a
    /// deadlock.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Database(error) if condition(error) == Condition::Conflict)
    }

    /// Returns whether a step of startup is worth another attempt: the server does not respond, or another instance
    /// holds a lock.
    pub(crate) fn is_worth_waiting(&self) -> bool {
        use sqlx::migrate::MigrateError;
        match self {
            Self::Open { source: error, .. }
            | Self::Database(error)
            | Self::Migration(MigrateError::ExecuteMigration(error, _)) => match error {
                sqlx::Error::Io(error) => error.kind() == io::ErrorKind::TimedOut,
                error => matches!(condition(error), Condition::Conflict | Condition::Locked),
            },
            _ => false,
        }
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Full(_) | Self::ReadOnly(_) | Self::Stalled(_) | Self::Closed => Kind::Unavailable,
            // A file system that is mounted read-only may become writable again.
            Self::Denied(error) if is_sqlite(error) => Kind::Unavailable,
            Self::Open { source: error, .. } | Self::Database(error) => match condition(error) {
                Condition::Permanent => Kind::Internal,
                _ => Kind::Unavailable,
            },
            Self::Shared(error) => error.kind(),
            _ => Kind::Internal,
        }
    }
}

fn condition(error: &sqlx::Error) -> Condition {
    match error {
        sqlx::Error::Database(cause) => match cause.code() {
            Some(state) if !is_sqlite(error) => Condition::of_postgres(&state),
            Some(code) => {
                code.parse().map_or(Condition::Permanent, |code| Condition::of_sqlite(code, cause.message()))
            }
            None => Condition::Permanent,
        },
        // No connection, or one in an undefined state: a failed call closes its connection.
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::BeginFailed
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Condition::Passing,
        _ => Condition::Permanent,
    }
}

fn is_sqlite(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(cause) = error else { return false };
    cause.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some()
}
