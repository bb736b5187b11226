//! Ratings in a SQLite file, which belongs to this process: one lane writes, several connections read.

mod aggregates;
mod memtable;
mod ratings;
mod statements;
mod turn;
mod waiting;

use super::sql::{self, KeyCache, PositionRow, ResolvedKeys};
use super::{AfterRating, AfterTop, Batches, Error, Positions, Ratings};
use crate::batch::{Batch, Outcome, Position};
use async_trait::async_trait;
use model::{Aggregate, Prior, Rating, Record, RecordId, RecordType, UserId};
use statements::Statements;
use std::path::Path;
use std::sync::Arc;
use storage::sqlite::{Sqlite, Synchronous};
use storage::{Migration, migrate};
use turn::Lane;
use waiting::Waiting;

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
    Migration {
        version: 5,
        name: "skipped offsets",
        sql: include_str!("../../../schemas/rating/sqlite/0005_skipped_offsets.sql"),
    },
];

/// How many ratings may wait in memory for the table; some 80 bytes each. The more, the fewer pages a merge writes for
/// each of them.
const WAITING: usize = 250_000;

/// A store in a SQLite file.
#[derive(Debug)]
pub struct Repository {
    database: Sqlite,
    known: KeyCache,
    waiting: Waiting,
    lane: Lane,
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
        let lane = Lane::start(database.writer.acquire().await?.detach(), &waiting, most).await?;
        Ok(Self { database, known: KeyCache::default(), waiting, lane })
    }

    /// Waits for a turn to write. Nothing comes after what is written in it where it `ends_written`.
    async fn turn(&self, ends_written: bool) -> Result<Statements<'_>, storage::Error> {
        Ok(Statements::new(self.lane.turn(&self.waiting, ends_written).await?))
    }
}

#[async_trait]
impl Ratings for Repository {
    async fn get_aggregate(&self, record: &Record) -> Result<Option<Arc<Aggregate>>, Error> {
        let readers = &self.database.readers;
        let found = aggregates::aggregates(readers, &self.waiting, &self.known, vec![record.clone()]).await?;
        Ok(found.into_iter().next())
    }

    async fn batch_get_aggregates(
        &self,
        record_type: &RecordType,
        ids: &[RecordId],
    ) -> Result<Vec<Arc<Aggregate>>, Error> {
        let record = |id: &RecordId| Record { record_type: record_type.clone(), record_id: id.clone() };
        let records = ids.iter().map(record).collect();
        aggregates::aggregates(&self.database.readers, &self.waiting, &self.known, records).await
    }

    async fn get_rating(&self, record: &Record, user: &UserId) -> Result<Option<Rating>, Error> {
        ratings::rating(&self.database.readers, &self.waiting, &self.known, record, user).await
    }

    async fn list_user_ratings(
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
    async fn list_top_rated(
        &self,
        record_type: &RecordType,
        min_count: u64,
        after: Option<&AfterTop>,
        limit: usize,
    ) -> Result<Vec<Aggregate>, Error> {
        if !self.waiting.aggregates.is_empty() {
            let mut statements = self.turn(true).await?;
            let merged = statements.merge_aggregates().await;
            statements.end(merged).await?;
        }
        let start = AfterTop::start();
        let after = after.unwrap_or(&start);
        aggregates::top(&self.database.readers, record_type, min_count, after, limit).await
    }
}

#[async_trait]
impl Batches for Repository {
    fn lanes(&self) -> usize {
        1
    }

    async fn apply(&self, _lane: usize, batch: &Batch) -> Result<Vec<Outcome>, Error> {
        let mut statements = self.turn(batch.offsets.is_empty()).await?;
        let mut named = ResolvedKeys::of(&batch.writes, &self.known);
        let done: Result<_, Error> = async {
            let learned = named.resolve(&mut statements).await?;
            Ok((sql::apply(&mut statements, &named, batch).await?, learned))
        }
        .await;
        let (outcomes, learned) = statements.end(done).await?;
        self.known.insert(learned);
        Ok(outcomes)
    }

    async fn set_prior(&self, prior: Prior) -> Result<(), Error> {
        let mut statements = self.turn(false).await?;
        let set = statements.set_prior(prior).await;
        statements.end(set).await
    }
}

#[async_trait]
impl Positions for Repository {
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
        let mut statements = self.turn(false).await?;
        let forgotten = statements.forget_positions(topic).await;
        statements.end(forgotten).await
    }
}

#[async_trait]
impl super::Repository for Repository {
    async fn ready(&self) -> Result<(), Error> {
        sqlx::query("SELECT one FROM setting").execute(&self.database.readers).await?;
        Ok(())
    }

    /// Closes the readers first, so that the one who writes folds the log into the file.
    async fn close(&self) {
        self.database.close().await;
        self.lane.close().await;
    }
}
