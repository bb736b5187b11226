//! Ratings in a SQLite file, which belongs to this process: one connection writes, several read.
//!
//! Ratings and aggregates are written through journals, with pending rows in memory: see the crate `memtable` for how rows
//! are merged and recovered. What must hold beside its invariants:
//!
//! 1. *One writer.* A lock beside the file keeps other processes away, and the write connection runs one transaction after
//!    the other. So new names get the keys that follow the last one, and a key is never given twice.
//! 2. *One transaction per batch.* It contains new keys, the empty aggregates of new records, the journal rows, the merged
//!    rows and the stream positions. Memory (pending rows, key cache, cached rows) follows after the commit.
//! 3. *Keys first.* Every pending rating and aggregate has its keys in the tables `record` and `rater`, and every record its
//!    row in `aggregate`, maybe still without counts. So a merge of aggregates only updates rows.
//! 4. *Aggregates agree with ratings.* The current aggregate of a record, pending or stored, counts its current ratings;
//!    both change in the same transaction. The views `current_rating` and `current_aggregate` show the current rows.
//! 5. *Weighted means.* Those in the table are computed with the stored prior. Pending aggregates have none: it is computed
//!    with the same prior in memory when they are read or merged.
//! 6. *Reads never write.* They use the readers, look up pending rows before they read a table, and work on while the write
//!    connection is busy or the disk is full.

mod reads;
mod statements;
mod tables;
#[cfg(test)]
mod tests;

use super::sql::{self, KeyCache, PositionRow, ResolvedKeys};
use super::{Batches, Error, Positions, Ratings, TopRated, UserRatings};
use crate::batch::{Batch, Outcome, Position};
use async_trait::async_trait;
use memtable::WriteConnection;
use meter::Sampler;
use model::{Aggregate, Prior, Rating, Record, RecordId, RecordType, UserId};
use reads::Reads;
use statements::Statements;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use storage::sqlite::{Sqlite, Synchronous};
use storage::{Migration, migrate, sample_pools};
use tables::Pending;

const MIGRATIONS: &[Migration] = &[
    Migration::new(1, "ratings", include_str!("../../../schemas/rating/sqlite/0001_ratings.sql")),
    Migration::new(
        2,
        "ratings by rater",
        include_str!("../../../schemas/rating/sqlite/0002_ratings_by_rater.sql"),
    ),
    Migration::new(3, "journal", include_str!("../../../schemas/rating/sqlite/0003_journal.sql")),
    Migration::new(
        4,
        "aggregate journal",
        include_str!("../../../schemas/rating/sqlite/0004_aggregate_journal.sql"),
    ),
    Migration::new(
        5,
        "skipped offsets",
        include_str!("../../../schemas/rating/sqlite/0005_skipped_offsets.sql"),
    ),
];

/// How many ratings may be pending in memory; some 80 bytes each. The more, the fewer pages a merge writes for each of them.
const PENDING: usize = 250_000;

/// A store in a SQLite file.
#[derive(Debug)]
pub struct Repository {
    database: Sqlite,
    keys: KeyCache,
    pending: Pending,
    writer: WriteConnection,
}

impl Repository {
    /// Opens the file `path`, which is created if it is missing, and brings its tables up to date.
    pub async fn open(path: &Path, synchronous: Synchronous) -> Result<Self, storage::Error> {
        Self::open_with(path, synchronous, PENDING).await
    }

    /// Opens the file as `open` does, and keeps about `capacity` ratings pending in memory; at least 1.
    pub async fn open_with(
        path: &Path,
        synchronous: Synchronous,
        capacity: usize,
    ) -> Result<Self, storage::Error> {
        let database = storage::sqlite::open(path, synchronous).await?;
        migrate(&database.writer, MIGRATIONS).await?;
        let pending = Pending::new(capacity);
        let writer = database.writer.acquire().await?.detach();
        let writer = WriteConnection::open(writer, pending.memtables()).await?;
        Ok(Self { database, keys: KeyCache::default(), pending, writer })
    }

    /// Waits until the transactions before it have ended.
    async fn statements(&self) -> Result<Statements<'_>, storage::Error> {
        Ok(Statements::new(self.writer.begin().await?, &self.pending))
    }

    const fn reads(&self) -> Reads<'_> {
        Reads { readers: &self.database.readers, pending: &self.pending, keys: &self.keys }
    }
}

#[async_trait]
impl Ratings for Repository {
    async fn get_aggregate(&self, record: &Record) -> Result<Option<Arc<Aggregate>>, Error> {
        Ok(self.reads().batch_get_aggregates(vec![record.clone()]).await?.into_iter().next())
    }

    async fn batch_get_aggregates(
        &self,
        record_type: &RecordType,
        ids: &[RecordId],
    ) -> Result<Vec<Arc<Aggregate>>, Error> {
        let record = |id: &RecordId| Record { record_type: record_type.clone(), record_id: id.clone() };
        self.reads().batch_get_aggregates(ids.iter().map(record).collect()).await
    }

    async fn get_rating(&self, record: &Record, user: &UserId) -> Result<Option<Rating>, Error> {
        self.reads().get_rating(record, user).await
    }

    async fn list_user_ratings(&self, list: UserRatings<'_>) -> Result<Vec<Rating>, Error> {
        self.reads().list_user_ratings(list).await
    }

    async fn list_top_rated(&self, list: TopRated<'_>) -> Result<Vec<Aggregate>, Error> {
        self.reads().list_top_rated(list).await
    }

    fn sample(&self, to: &mut Sampler<'_>) -> fmt::Result {
        sample_pools(to, [("readers", self.database.reader_statistics())])?;
        self.database.sample_files(to)?;
        self.pending.sample(to)
    }
}

#[async_trait]
impl Batches for Repository {
    fn lanes(&self) -> usize {
        1
    }

    async fn apply(&self, _lane: usize, batch: &Batch) -> Result<Vec<Outcome>, Error> {
        let mut statements = self.statements().await?;
        let mut keys = ResolvedKeys::of(&batch.writes, &self.keys);
        let done: Result<_, Error> = async {
            let new = keys.resolve(&mut statements).await?;
            Ok((sql::apply(&mut statements, &keys, batch).await?, new))
        }
        .await;
        let (outcomes, new) = statements.end(done).await?;
        self.keys.insert(new);
        Ok(outcomes)
    }

    async fn set_prior(&self, prior: Prior) -> Result<(), Error> {
        let mut statements = self.statements().await?;
        let set = statements.set_prior(prior).await;
        Ok(statements.end(set).await?)
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
        let mut statements = self.statements().await?;
        let forgotten = statements.forget_positions(topic).await;
        Ok(statements.end(forgotten).await?)
    }
}

#[async_trait]
impl super::Repository for Repository {
    async fn ready(&self) -> Result<(), Error> {
        sqlx::query("SELECT one FROM setting").execute(&self.database.readers).await?;
        Ok(())
    }

    /// Closes the readers first, so that the write connection checkpoints the log into the file.
    async fn close(&self) {
        self.database.close().await;
        self.writer.close().await;
    }
}
