//! What can go wrong with a database.

use fault::{Fault, Kind};
use std::io;

/// A database that can't be opened, reached or understood.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The SQLite file belongs to another process.
    #[error("{file} is in use by {holder}; a SQLite database belongs to one process")]
    Held {
        /// The database's file.
        file: String,
        /// Who has it (`process 4711`).
        holder: String,
    },
    /// A file or folder can't be made or read.
    #[error("can't prepare {path}")]
    File {
        /// The file or folder.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The database can't be opened.
    #[error("can't open {database}")]
    Open {
        /// The database, without user and password.
        database: String,
        /// Why.
        source: sqlx::Error,
    },
    /// A newer version of this program has changed the database's tables.
    #[error("the database is newer than this program, which knows no migration {0}")]
    Newer(i64),
    /// The tables can't be brought up to date.
    #[error("can't bring the database's tables up to date")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// A stored row breaks a rule of the model.
    #[error("the stored {row} breaks a rule: {reason}")]
    Row {
        /// Which row, by its key.
        row: String,
        /// The rule.
        reason: String,
    },
    /// A statement failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

impl Error {
    /// The stored row `row` (`metadata "tt1"`) breaks the rule that `reason` tells.
    pub fn row(row: impl Into<String>, reason: impl ToString) -> Self {
        Self::Row { row: row.into(), reason: reason.to_string() }
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Open { source, .. } | Self::Database(source) if is_passing(source) => Kind::Unavailable,
            _ => Kind::Internal,
        }
    }
}

/// Tells whether the same statement may succeed later: no connection, or one that a rival holds up.
fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            // PostgreSQL: connection exceptions, resources exhausted, shut down or starting up, serialization
            // failure and deadlock. SQLite: busy and locked, whose extended codes hold them in the low byte.
            matches!(code.get(..2), Some("08" | "53"))
                || matches!(&*code, "57P01" | "57P02" | "57P03" | "40001" | "40P01")
                || code.len() < 5 && code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6))
        }),
        _ => false,
    }
}
