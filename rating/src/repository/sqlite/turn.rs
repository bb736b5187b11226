//! The connection that writes, which whoever writes has for a transaction, one after the other.

use super::aggregates::Tally;
use super::waiting::{Journals, Steps, Waiting};
use crate::repository::Error;
use sqlx::{Connection, SqliteConnection};
use storage::sqlite::BEGIN;
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

const COMMIT: &str = "COMMIT";

/// The one lane. Nobody writes to the file but in a turn of it: what was broken off may still be under way.
#[derive(Debug)]
pub(super) struct Lane {
    /// How many ratings may wait in memory.
    most: usize,
    /// `None` once it is closed.
    open: Mutex<Option<Open>>,
}

/// The lane's own. A pool would try the connection after each turn, which takes as long as a turn.
#[derive(Debug)]
struct Open {
    connection: SqliteConnection,
    journals: Journals,
    /// Whether memory is in the state of the file, and no transaction is open. If that is in doubt, because a commit
    /// failed or was cancelled, the next turn rolls back and compares; it reads the journals again only if they differ.
    certain: bool,
}

/// A transaction. It begins with its first statement and ends, where that is known to be the last one, with it: each
/// errand to the database's thread takes as long as many of its statements.
pub(super) struct Turn<'a> {
    open: MappedMutexGuard<'a, Open>,
    waiting: &'a Waiting,
    stage: Stage,
    ends_written: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Before,
    Begun,
    Committing,
}

impl Lane {
    /// Reads the journals into `waiting`, in which some `most` ratings are kept; `connection` is the one that writes.
    pub(super) async fn start(
        mut connection: SqliteConnection,
        waiting: &Waiting,
        most: usize,
    ) -> Result<Self, storage::Error> {
        let journals = Journals::load(&mut connection, waiting, most).await?;
        Ok(Self { most, open: Mutex::new(Some(Open { connection, journals, certain: true })) })
    }

    /// Waits for a turn. Nothing comes after what is written in it where it `ends_written`.
    pub(super) async fn turn<'a>(
        &'a self,
        waiting: &'a Waiting,
        ends_written: bool,
    ) -> Result<Turn<'a>, storage::Error> {
        let open = MutexGuard::try_map(self.open.lock().await, Option::as_mut);
        let mut open = open.map_err(|_| sqlx::Error::PoolClosed)?;
        if !open.certain {
            // SQLite itself may have ended the transaction.
            let _ = roll_back(&mut open.connection).await;
            let Open { connection, journals, .. } = &mut *open;
            if !journals.are_current(connection, waiting).await? {
                *journals = Journals::load(connection, waiting, self.most).await?;
            }
            open.certain = true;
        }
        Ok(Turn { open, waiting, stage: Stage::Before, ends_written })
    }

    /// Closes the connection. Turns fail from then on.
    pub(super) async fn close(&self) {
        if let Some(open) = self.open.lock().await.take()
            && let Err(error) = open.connection.close().await
        {
            tracing::warn!(%error, "the database was not closed in good order");
        }
    }
}

impl<'a> Turn<'a> {
    /// What waits for the tables.
    pub(super) const fn waiting(&self) -> &'a Waiting {
        self.waiting
    }

    /// The journals, which follow once the transaction is committed.
    pub(super) fn journals(&mut self) -> &mut Journals {
        &mut self.open.journals
    }

    /// The connection, on which the transaction has begun.
    pub(super) async fn begun(&mut self) -> Result<&mut SqliteConnection, sqlx::Error> {
        if let (connection, Some(begin)) = self.beginning() {
            sqlx::query(begin).execute(connection).await?;
        }
        Ok(&mut self.open.connection)
    }

    /// The connection, and what the next statement there must begin with.
    pub(super) fn beginning(&mut self) -> (&mut SqliteConnection, Option<&'static str>) {
        let begins = self.stage == Stage::Before;
        if begins {
            self.stage = Stage::Begun;
            self.open.certain = false;
        }
        (&mut self.open.connection, begins.then_some(BEGIN))
    }

    /// The connection, what the first of the statements that write must begin with, and what the last must end with.
    pub(super) fn writing(&mut self) -> (&mut SqliteConnection, Option<&'static str>, Option<&'static str>) {
        let (_, begins) = self.beginning();
        if self.ends_written {
            self.stage = Stage::Committing;
        }
        (&mut self.open.connection, begins, self.ends_written.then_some(COMMIT))
    }

    /// Commits if `done` is a success, after which memory follows `steps` and keeps what was `read`; otherwise rolls back,
    /// which leaves memory unchanged.
    pub(super) async fn end<T>(
        mut self,
        done: Result<T, impl Into<Error>>,
        read: Vec<(i64, Tally)>,
        steps: Option<Steps>,
    ) -> Result<T, Error> {
        let ended = match done {
            Ok(outcome) => self.commit().await.map(|()| outcome).map_err(Error::from),
            Err(error) => Err(error.into()),
        };
        if ended.is_ok() {
            self.open.journals.settle(read, steps, self.waiting);
            self.open.certain = true;
        } else if self.stage != Stage::Before {
            let rolled_back = roll_back(&mut self.open.connection).await;
            // A commit that failed may have been made.
            self.open.certain = rolled_back.is_ok() && self.stage != Stage::Committing;
        }
        ended
    }

    async fn commit(&mut self) -> Result<(), sqlx::Error> {
        if self.stage == Stage::Begun {
            self.stage = Stage::Committing;
            sqlx::query(COMMIT).execute(&mut self.open.connection).await?;
        }
        Ok(())
    }
}

async fn roll_back(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("ROLLBACK").execute(connection).await.map(|_| ())
}

#[cfg(test)]
mod tests;
