//! Connections whose statements are spans of a sampled request.

use crate::statement::{executor, step};
use sqlx::{Connection as _, Sqlite, SqliteConnection, SqlitePool};

/// How writing transactions begin: a deferred one would read first and then fail
/// if another program has written meanwhile.
pub const BEGIN: &str = "BEGIN IMMEDIATE";

/// The connections for reads. Clones share them.
#[derive(Clone, Debug)]
pub struct Readers(pub(super) SqlitePool);

/// A connection of its own.
#[derive(Debug)]
pub struct Connection(SqliteConnection);

/// A transaction. It is rolled back if it is dropped without a commit.
#[derive(Debug)]
pub struct Transaction<'c>(sqlx::Transaction<'c, Sqlite>);

executor!(&'c Readers, Sqlite, |this| &this.0);
executor!(&'c mut Connection, Sqlite, |this| &mut this.0);
executor!(&'c mut Transaction<'_>, Sqlite, |this| &mut *this.0);

impl Readers {
    pub(super) async fn close(&self) {
        self.0.close().await;
    }
}

impl From<SqliteConnection> for Connection {
    fn from(connection: SqliteConnection) -> Self {
        Self(connection)
    }
}

impl Connection {
    /// Closes the connection.
    ///
    /// # Errors
    ///
    /// If SQLite can't close the file in good order.
    pub async fn close(self) -> Result<(), sqlx::Error> {
        self.0.close().await
    }
}

impl Transaction<'static> {
    /// Begins a transaction that writes.
    ///
    /// # Errors
    ///
    /// If the file can't be locked.
    pub async fn begin(writer: &SqlitePool) -> Result<Self, sqlx::Error> {
        Ok(Self(writer.begin_with(BEGIN).await?))
    }
}

impl Transaction<'_> {
    /// Commits the transaction.
    ///
    /// # Errors
    ///
    /// If nothing is committed.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        step::<Sqlite, _>("COMMIT", self.0.commit()).await
    }
}
