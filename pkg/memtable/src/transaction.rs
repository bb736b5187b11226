//! A transaction on the connection that writes.

use crate::batch::{Command, StatementBatch};
use crate::memtable::Memtable;
use crate::table::Table;
use std::sync::Arc;
use storage::Error;
use storage::sqlite::{BEGIN, Connection};
use tokio::sync::MappedMutexGuard;

const COMMIT: &str = "COMMIT";

/// The open connection. A pool would test it after each transaction, which takes as long as a transaction.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) connection: Connection,
    /// Whether memory is in the state of the file and no transaction is open. If this is in doubt, because a commit
    /// failed or was cancelled, the next transaction first rolls back and compares both.
    pub(crate) certain: bool,
}

impl Open {
    pub(crate) async fn roll_back(&mut self) -> Result<(), sqlx::Error> {
        sqlx::query("ROLLBACK").execute(&mut self.connection).await.map(|_| ())
    }
}

/// An update of memory that runs once a transaction has been committed.
type AfterCommit = Box<dyn FnOnce() + Send + Sync>;

/// A transaction. It begins with its first statement; statements whose results are not read are sent with later ones.
/// If it is dropped before its [`end`](Self::end) returns, it is rolled back unless it has been committed already.
pub struct WriteTransaction<'c> {
    open: MappedMutexGuard<'c, Open>,
    stage: Stage,
    next: Command,
    after_commit: Vec<AfterCommit>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Before,
    Begun,
    Committing,
}

impl<'c> WriteTransaction<'c> {
    pub(crate) fn new(open: MappedMutexGuard<'c, Open>) -> Self {
        Self { open, stage: Stage::Before, next: Command::default(), after_commit: Vec::new() }
    }

    /// Writes `changes` to the journal of a memtable and merges the rows that are due. A memtable takes part in a
    /// transaction at most once. Changes are sorted by their keys, and no key occurs twice.
    pub async fn put<T: Table>(
        &mut self,
        memtable: &Arc<Memtable<T>>,
        changes: Vec<(T::Key, T::Row)>,
    ) -> Result<(), Error> {
        let plan = memtable.plan(changes);
        memtable.write(&plan, &mut self.batch()).await?;
        let memtable = Arc::clone(memtable);
        self.after_commit(move || memtable.follow(plan));
        Ok(())
    }

    /// Executes what is queued and returns the connection, on which the transaction has begun.
    pub async fn connection(&mut self) -> Result<&mut Connection, sqlx::Error> {
        self.begin();
        self.flush().await?;
        Ok(&mut self.open.connection)
    }

    /// Returns the statements that are queued, with the transaction's beginning as the first.
    pub fn batch(&mut self) -> StatementBatch<'_> {
        self.begin();
        StatementBatch::new(&mut self.open.connection, &mut self.next)
    }

    /// Registers an update of memory, which runs once the transaction has been committed.
    pub fn after_commit(&mut self, update: impl FnOnce() + Send + Sync + 'static) {
        self.after_commit.push(Box::new(update));
    }

    /// Commits if `done` is a success, and then updates memory; otherwise rolls back, and memory stays unchanged.
    pub async fn end<T, E: From<Error>>(mut self, done: Result<T, E>) -> Result<T, E> {
        let ended = match done {
            Ok(outcome) => self.commit().await.map(|()| outcome).map_err(|error| Error::from(error).into()),
            Err(error) => Err(error),
        };
        if ended.is_ok() {
            self.after_commit.into_iter().for_each(|update| update());
            self.open.certain = true;
        } else if self.stage != Stage::Before {
            let rolled_back = self.open.roll_back().await;
            // A commit that returned an error may have succeeded.
            self.open.certain = rolled_back.is_ok() && self.stage != Stage::Committing;
        }
        ended
    }

    async fn commit(&mut self) -> Result<(), sqlx::Error> {
        if self.stage == Stage::Begun {
            self.stage = Stage::Committing;
            self.next.push(COMMIT);
            self.flush().await?;
        }
        Ok(())
    }

    fn begin(&mut self) {
        if self.stage == Stage::Before {
            self.stage = Stage::Begun;
            self.open.certain = false;
            self.next.push(BEGIN);
        }
    }

    async fn flush(&mut self) -> Result<(), sqlx::Error> {
        std::mem::take(&mut self.next).execute(&mut self.open.connection).await
    }
}
