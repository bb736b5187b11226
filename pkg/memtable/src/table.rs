//! What this crate has to know of a table.

use crate::batch::StatementBatch;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::future::Future;
use storage::Error;
use storage::sqlite::Connection;

/// A table of SQLite whose rows are written through a journal. The implementing type may keep further state in memory that
/// is derived from the file; it then implements the hooks as well.
pub trait Table: fmt::Debug + Send + Sync + 'static {
    /// Identifies a row. Keys are merged in their order, which should be that of the table.
    type Key: Ord + Copy + fmt::Debug + Send + Sync;
    /// What is stored under a key. If rows can be deleted, one of its values means that there is none.
    type Row: Clone + fmt::Debug + Send + Sync;
    /// A key and its row, as read from a journal.
    type Change: DeserializeOwned + Send + Unpin;

    /// The name of the journal, a table `(key INTEGER PRIMARY KEY, changes TEXT NOT NULL)`.
    const JOURNAL: &'static str;

    /// Returns the JSON form of a key and its row in a journal.
    fn to_change(change: &(Self::Key, Self::Row)) -> impl Serialize + Send + Sync;

    /// Converts a change that was read from a journal; fails if it breaks a rule.
    fn from_change(change: Self::Change) -> Result<(Self::Key, Self::Row), Error>;

    /// Adds the statements that store `rows` in the table. They may be executed a second time for the same rows.
    fn merge(
        &self,
        rows: &[(Self::Key, Self::Row)],
        batch: &mut StatementBatch<'_>,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Is called once the table has `rows`.
    fn merged(&self, _rows: &[(Self::Key, Self::Row)]) {}

    /// Returns whether the state that this type derives from the file is that of the file.
    fn is_current(&self, _connection: &mut Connection) -> impl Future<Output = Result<bool, Error>> + Send {
        async { Ok(true) }
    }

    /// Replaces the state that this type derives from the file.
    fn load(&self, _connection: &mut Connection) -> impl Future<Output = Result<(), Error>> + Send {
        async { Ok(()) }
    }
}
