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
    #[error("the database is newer than this program, which knows no migration {0}: start a newer version")]
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
    /// There is no room for more.
    #[error("the database's disk is full: free space there, and writing goes on by itself")]
    Full(#[source] sqlx::Error),
    /// The database's user, or that of the process, may not do this.
    #[error("the database does not allow this: grant the user its rights, or the process its file")]
    Denied(#[source] sqlx::Error),
    /// The tables are gone, or were never there.
    #[error("the database has not the tables of this program: start it anew, which makes them")]
    Unmigrated(#[source] sqlx::Error),
    /// The database rejects a value: SQLSTATE class 22 or 23.
    #[error("the database rejects a value")]
    Rejected(#[source] sqlx::Error),
    /// A statement failed.
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let sqlx::Error::Database(cause) = &error else { return Self::Database(error) };
        match cause.code().as_deref().map(Code::of) {
            Some(Code::Sqlite(13)) => Self::Full(error),
            Some(Code::Postgres("53100")) => Self::Full(error),
            Some(Code::Sqlite(8)) => Self::Denied(error),
            // Who may not use a schema is told that there is none.
            Some(Code::Postgres("42501" | "3F000")) => Self::Denied(error),
            Some(Code::Sqlite(1)) if cause.message().starts_with("no such table") => Self::Unmigrated(error),
            Some(Code::Postgres("42P01")) => Self::Unmigrated(error),
            Some(Code::Postgres(code)) if matches!(code.get(..2), Some("22" | "23")) => Self::Rejected(error),
            _ => Self::Database(error),
        }
    }
}

/// What a database calls an error: PostgreSQL five characters, SQLite a number whose low byte is the kind.
enum Code<'a> {
    Postgres(&'a str),
    Sqlite(u32),
}

impl<'a> Code<'a> {
    fn of(code: &'a str) -> Self {
        match code.parse::<u32>() {
            Ok(number) if code.len() < 5 => Self::Sqlite(number & 0xff),
            _ => Self::Postgres(code),
        }
    }
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
            Self::Full(_) => Kind::Unavailable,
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
        sqlx::Error::Database(error) => error.code().is_some_and(|code| match Code::of(&code) {
            // Connection exceptions, resources exhausted, shut down or starting up, serialization failure and
            // deadlock.
            Code::Postgres(code) => {
                matches!(code.get(..2), Some("08" | "53"))
                    || matches!(code, "57P01" | "57P02" | "57P03" | "40001" | "40P01")
            }
            // Busy and locked.
            Code::Sqlite(code) => matches!(code, 5 | 6),
        }),
        _ => false,
    }
}
