//! Ratings in a SQLite file, which belongs to this process: one lane writes, several connections read.

mod aggregates;
mod memtable;
mod ratings;
mod statements;
mod waiting;

use super::sql::{self, Known, Named, PositionRow};
use super::{AfterRating, AfterTop, Error};
use crate::batch::{Batch, Outcome, Position};
use async_trait::async_trait;
use cache::Shared;
use model::{Aggregate, Prior, Rating, Record, RecordId, RecordType, UserId};
use sqlx::pool::PoolConnection;
use sqlx::{Connection, SqliteConnection};
use statements::Statements;
use std::path::Path;
use storage::sqlite::{BEGIN, Sqlite, Synchronous};
use storage::{Migration, migrate};
use tokio::sync::{Mutex, MutexGuard};
use waiting::{Journals, Steps, Waiting};

const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "ratings",
        sql: include_str!("../../../schemas/rating/sqlite/0001_ratings.sql"),
    },
    Migration {
        version: 2,
        name: "ratings by rater",
        sql: include_str!("../../../schemas/rating/sqlite/0002_ratings_by_rater.sql"),
    },
    Migration {
        version: 3,
        name: "journal",
        sql: include_str!("../../../schemas/rating/sqlite/0003_journal.sql"),
    },
    Migration {
        version: 4,
        name: "aggregate journal",
        sql: include_str!("../../../schemas/rating/sqlite/0004_aggregate_journal.sql"),
    },
];

/// How many ratings may wait in memory for the table; some 70 bytes each. The more, the fewer pages a merge writes for
/// each of them.
const WAITING: usize = 100_000;

/// A store in a SQLite file.
#[derive(Debug)]
pub struct Repository {
    database: Sqlite,
    known: Known,
    waiting: Waiting,
    journals: Mutex<Journals>,
    most: usize,
}

/// The turn of one who writes.
struct Turn<'a> {
    connection: PoolConnection<sqlx::Sqlite>,
    journals: MutexGuard<'a, Journals>,
    waiting: &'a Waiting,
}

impl Repository {
    /// Opens the file `path`, which is created where it is missing, and brings its tables up to date.
    pub async fn open(path: &Path, synchronous: Synchronous) -> Result<Self, storage::Error> {
        Self::open_with(path, synchronous, WAITING).await
    }

    /// Opens the file as `open` does, and lets some `most` ratings wait in memory for the table; at least 1.
    pub async fn open_with(
        path: &Path,
        synchronous: Synchronous,
        most: usize,
    ) -> Result<Self, storage::Error> {
        let database = storage::sqlite::open(path, synchronous).await?;
        migrate(&database.writer, MIGRATIONS).await?;
        let waiting = Waiting::default();
        let mut connection = database.writer.acquire().await?;
        let journals = Mutex::new(Journals::load(&mut connection, &waiting, most).await?);
        drop(connection);
        Ok(Self { database, known: Known::default(), waiting, journals, most })
    }

    /// Waits for a turn to write. Nobody writes without one: what was broken off may still be under way.
    async fn turn(&self) -> Result<Turn<'_>, Error> {
        let mut connection = self.database.writer.acquire().await?;
        let mut journals = self.journals.lock().await;
        if !journals.certain {
            // SQLite itself may have ended the transaction.
            let _ = roll_back(&mut connection).await;
            *journals = Journals::load(&mut connection, &self.waiting, self.most).await?;
        }
        Ok(Turn { connection, journals, waiting: &self.waiting })
    }
}

async fn roll_back(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("ROLLBACK").execute(connection).await.map(|_| ())
}

impl Turn<'_> {
    /// A transaction, of which writing is the last step where it `ends_written`.
    fn statements(&mut self, ends_written: bool) -> Statements<'_> {
        self.journals.certain = false;
        Statements::new(&mut self.connection, self.waiting, &self.journals, ends_written)
    }

    /// Lets memory follow what was committed, or rolls it back where that failed.
    async fn end<T>(
        mut self,
        committed: Result<(T, Option<Steps>), Error>,
        is_in_doubt: bool,
    ) -> Result<T, Error> {
        match committed {
            Ok((outcome, steps)) => {
                if let Some(steps) = steps {
                    self.journals.settle(steps, self.waiting);
                }
                self.journals.certain = true;
                Ok(outcome)
            }
            Err(error) => {
                let rolled_back = roll_back(&mut self.connection).await;
                self.journals.certain = rolled_back.is_ok() && !is_in_doubt;
                Err(error)
            }
        }
    }
}

#[async_trait]
impl super::Repository for Repository {
    fn lanes(&self) -> usize {
        1
    }

    async fn apply(&self, _lane: usize, batch: &Batch) -> Result<Vec<Outcome>, Error> {
        let mut turn = self.turn().await?;
        let mut statements = turn.statements(batch.offsets.is_empty());
        let mut named = Named::of(&batch.writes, &self.known);
        let committed = async {
            let learned = named.complete(&mut statements).await?;
            let outcomes = sql::apply(&mut statements, &named, batch).await?;
            Ok(((outcomes, learned), statements.commit().await?))
        };
        let (committed, is_in_doubt) = (committed.await, statements.is_in_doubt());
        let (outcomes, learned) = turn.end(committed, is_in_doubt).await?;
        self.known.learn(learned);
        Ok(outcomes)
    }

    async fn aggregate(&self, record: &Record) -> Result<Option<Shared<Aggregate>>, Error> {
        let readers = &self.database.readers;
        let found = aggregates::aggregates(readers, &self.waiting, &self.known, vec![record.clone()]).await?;
        Ok(found.into_iter().next())
    }

    async fn aggregates(
        &self,
        record_type: &RecordType,
        ids: &[RecordId],
    ) -> Result<Vec<Shared<Aggregate>>, Error> {
        let record = |id: &RecordId| Record { record_type: record_type.clone(), record_id: id.clone() };
        let records = ids.iter().map(record).collect();
        aggregates::aggregates(&self.database.readers, &self.waiting, &self.known, records).await
    }

    async fn rating(&self, record: &Record, user: &UserId) -> Result<Option<Rating>, Error> {
        ratings::rating(&self.database.readers, &self.waiting, &self.known, record, user).await
    }

    async fn ratings(
        &self,
        user: &UserId,
        record_type: Option<&RecordType>,
        after: Option<&AfterRating>,
        limit: usize,
    ) -> Result<Vec<Rating>, Error> {
        let start = AfterRating::start();
        let after = after.unwrap_or(&start);
        ratings::ratings(&self.database.readers, &self.waiting, user, record_type, after, limit).await
    }

    /// Merges the aggregates that wait first, because only the table has them in their order.
    async fn top(
        &self,
        record_type: &RecordType,
        min_count: u64,
        after: Option<&AfterTop>,
        limit: usize,
    ) -> Result<Vec<Aggregate>, Error> {
        if !self.waiting.aggregates.is_empty() {
            let mut turn = self.turn().await?;
            let mut statements = turn.statements(true);
            let committed = async {
                statements.merge_aggregates().await?;
                Ok(((), statements.commit().await?))
            };
            let (committed, is_in_doubt) = (committed.await, statements.is_in_doubt());
            turn.end(committed, is_in_doubt).await?;
        }
        let start = AfterTop::start();
        let after = after.unwrap_or(&start);
        aggregates::top(&self.database.readers, record_type, min_count, after, limit).await
    }

    async fn positions(&self, cluster: &str, topic: &str) -> Result<Vec<(i32, Position)>, Error> {
        let rows: Vec<PositionRow> = sqlx::query_as(sql::POSITIONS)
            .bind(cluster)
            .bind(topic)
            .fetch_all(&self.database.readers)
            .await?;
        Ok(rows.into_iter().map(sql::position).collect())
    }

    async fn clusters(&self, topic: &str) -> Result<Vec<String>, Error> {
        Ok(sqlx::query_scalar(sql::CLUSTERS).bind(topic).fetch_all(&self.database.readers).await?)
    }

    async fn forget_positions(&self, topic: &str) -> Result<(), Error> {
        let mut turn = self.turn().await?;
        sqlx::query(sql::FORGET_POSITIONS).bind(topic).execute(&mut *turn.connection).await?;
        Ok(())
    }

    async fn set_prior(&self, prior: Prior) -> Result<(), Error> {
        let mut turn = self.turn().await?;
        turn.journals.certain = false;
        let mut transaction = turn.connection.begin_with(BEGIN).await?;
        let set = sqlx::query(sql::SET_PRIOR).bind(prior.weight()).bind(prior.mean());
        if set.execute(&mut *transaction).await?.rows_affected() > 0 {
            sqlx::query(sql::WEIGH_AGAIN).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        self.waiting.set_prior(prior);
        turn.journals.certain = true;
        Ok(())
    }

    async fn ready(&self) -> Result<(), Error> {
        sqlx::query("SELECT one FROM setting").execute(&self.database.readers).await?;
        Ok(())
    }

    async fn close(&self) {
        self.database.close().await;
    }
}
