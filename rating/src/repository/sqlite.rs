//! Ratings in a SQLite file, which belongs to this process: one lane writes, several connections read.

mod memtable;
mod ratings;
mod statements;

use super::sql::{self, AggregateRow, Known, Named, PositionRow, aggregate_columns};
use super::{AfterRating, AfterTop, Error};
use crate::batch::{Batch, Outcome, Position};
use async_trait::async_trait;
use cache::Shared;
use memtable::{Journal, Memtable};
use model::{Aggregate, Prior, Rating, Record, RecordId, RecordType, UserId};
use sqlx::types::Json;
use statements::Statements;
use std::path::Path;
use storage::sqlite::{BEGIN, Sqlite, Synchronous};
use storage::{Migration, migrate};
use tokio::sync::Mutex;

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
];

const AGGREGATES: &str = concat!(
    "SELECT ",
    aggregate_columns!(),
    " FROM record AS r JOIN aggregate AS a ON a.record = r.key \
     WHERE r.record_type = $1 AND r.record_id IN (SELECT value FROM json_each($2)) AND a.count > 0"
);

/// How many ratings may wait in memory for the table; some 70 bytes each. The more, the fewer pages a merge writes for
/// each of them.
const WAITING: usize = 100_000;

/// A store in a SQLite file.
#[derive(Debug)]
pub struct Repository {
    database: Sqlite,
    known: Known,
    memtable: Memtable,
    /// `None` where nobody knows whether a batch was committed; it is read again then.
    journal: Mutex<Option<Journal>>,
    waiting: usize,
}

impl Repository {
    /// Opens the file `path`, which is created where it is missing, and brings its tables up to date.
    pub async fn open(path: &Path, synchronous: Synchronous) -> Result<Self, storage::Error> {
        Self::open_with(path, synchronous, WAITING).await
    }

    /// Opens the file as `open` does, and lets some `waiting` ratings wait in memory for the table; at least 1.
    pub async fn open_with(
        path: &Path,
        synchronous: Synchronous,
        waiting: usize,
    ) -> Result<Self, storage::Error> {
        let database = storage::sqlite::open(path, synchronous).await?;
        migrate(&database.writer, MIGRATIONS).await?;
        let memtable = Memtable::default();
        let mut connection = database.writer.acquire().await?;
        let journal = statements::load(&mut connection, &memtable, waiting).await?;
        drop(connection);
        Ok(Self { database, known: Known::default(), memtable, journal: Mutex::new(Some(journal)), waiting })
    }
}

#[async_trait]
impl super::Repository for Repository {
    fn lanes(&self) -> usize {
        1
    }

    async fn apply(&self, _lane: usize, batch: &Batch) -> Result<Vec<Outcome>, Error> {
        let mut transaction = self.database.writer.begin_with(BEGIN).await?;
        let mut slot = self.journal.lock().await;
        let mut journal = match slot.take() {
            Some(journal) => journal,
            None => statements::load(&mut transaction, &self.memtable, self.waiting).await?,
        };
        let mut statements = Statements::new(&mut transaction, &self.memtable, &journal);
        let mut named = Named::of(&batch.writes, &self.known);
        let applied = async {
            let learned = named.complete(&mut statements).await?;
            Ok::<_, Error>((sql::apply(&mut statements, &named, batch).await?, learned))
        };
        let (applied, step) = (applied.await, statements.step);
        let (outcomes, learned) = match applied {
            Ok(applied) => applied,
            Err(error) => {
                *slot = Some(journal);
                return Err(error);
            }
        };
        transaction.commit().await?;
        if let Some(step) = step {
            journal.settle(step, &self.memtable);
        }
        *slot = Some(journal);
        self.known.learn(learned);
        Ok(outcomes)
    }

    async fn aggregate(&self, record: &Record) -> Result<Option<Shared<Aggregate>>, Error> {
        let row: Option<AggregateRow> = sqlx::query_as(sql::AGGREGATE)
            .bind(record.record_type.as_str())
            .bind(record.record_id.as_str())
            .fetch_optional(&self.database.readers)
            .await?;
        Ok(row.map(sql::aggregate).transpose()?.map(Into::into))
    }

    async fn aggregates(&self, record_type: &RecordType, ids: &[RecordId]) -> Result<Vec<Aggregate>, Error> {
        let rows: Vec<AggregateRow> = sqlx::query_as(AGGREGATES)
            .bind(record_type.as_str())
            .bind(Json(ids))
            .fetch_all(&self.database.readers)
            .await?;
        Ok(sql::aggregates_as_asked(rows, ids)?)
    }

    async fn rating(&self, record: &Record, user: &UserId) -> Result<Option<Rating>, Error> {
        ratings::rating(&self.database.readers, &self.memtable, record, user).await
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
        ratings::ratings(&self.database.readers, &self.memtable, user, record_type, after, limit).await
    }

    async fn top(
        &self,
        record_type: &RecordType,
        min_count: u64,
        after: Option<&AfterTop>,
        limit: usize,
    ) -> Result<Vec<Aggregate>, Error> {
        let start = AfterTop::start();
        let after = after.unwrap_or(&start);
        let rows: Vec<AggregateRow> = sqlx::query_as(sql::TOP)
            .bind(record_type.as_str())
            .bind(sql::number(min_count))
            .bind(after.weighted_mean())
            .bind(&after.record_id)
            .bind(sql::number(limit))
            .fetch_all(&self.database.readers)
            .await?;
        Ok(rows.into_iter().map(sql::aggregate).collect::<Result<_, _>>()?)
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
        sqlx::query(sql::FORGET_POSITIONS).bind(topic).execute(&self.database.writer).await?;
        Ok(())
    }

    async fn set_prior(&self, prior: Prior) -> Result<(), Error> {
        let mut transaction = self.database.writer.begin_with(BEGIN).await?;
        let set = sqlx::query(sql::SET_PRIOR).bind(prior.weight()).bind(prior.mean());
        if set.execute(&mut *transaction).await?.rows_affected() > 0 {
            sqlx::query(sql::WEIGH_AGAIN).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
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
