//! The only connection that writes to the file.

use crate::memtable::Recover;
use crate::transaction::{Open, WriteTransaction};
use sqlx::SqliteConnection;
use std::sync::Arc;
use storage::Error;
use storage::sqlite::Connection;
use tokio::sync::{Mutex, MutexGuard};

/// The connection that writes, for one transaction after the other.
#[derive(Debug)]
pub struct WriteConnection {
    memtables: Vec<Arc<dyn Recover>>,
    /// `None` once it is closed.
    open: Mutex<Option<Open>>,
}

impl WriteConnection {
    /// Reads the journals of `memtables` from the file. Nothing else may write to their tables from then on.
    pub async fn open(connection: SqliteConnection, memtables: Vec<Arc<dyn Recover>>) -> Result<Self, Error> {
        let mut connection = Connection::from(connection);
        load(&mut connection, &memtables).await?;
        Ok(Self { memtables, open: Mutex::new(Some(Open { connection, certain: true })) })
    }

    /// Waits for the transactions before it; the returned one begins with its first statement. If the outcome of an
    /// earlier one is unknown, makes memory follow the file first.
    pub async fn begin(&self) -> Result<WriteTransaction<'_>, Error> {
        let open = MutexGuard::try_map(self.open.lock().await, Option::as_mut);
        let mut open = open.map_err(|_| sqlx::Error::PoolClosed)?;
        if !open.certain {
            // This fails if SQLite itself has ended the transaction.
            let _ = open.roll_back().await;
            if !are_current(&mut open.connection, &self.memtables).await? {
                load(&mut open.connection, &self.memtables).await?;
            }
            open.certain = true;
        }
        Ok(WriteTransaction::new(open))
    }

    /// Closes the connection. Transactions fail from then on.
    pub async fn close(&self) {
        if let Some(open) = self.open.lock().await.take()
            && let Err(error) = open.connection.close().await
        {
            tracing::warn!(%error, "the database was not closed in good order");
        }
    }
}

async fn load(connection: &mut Connection, memtables: &[Arc<dyn Recover>]) -> Result<(), Error> {
    for memtable in memtables {
        memtable.load(connection).await?;
    }
    Ok(())
}

async fn are_current(connection: &mut Connection, memtables: &[Arc<dyn Recover>]) -> Result<bool, Error> {
    for memtable in memtables {
        if !memtable.is_current(connection).await? {
            return Ok(false);
        }
    }
    Ok(true)
}
