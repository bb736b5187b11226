//! The store in a schema of a PostgreSQL database, which several instances of the service may share.

mod copy;
mod history;
mod statements;

use super::sql::{self, AggregateRow, PositionRow, RatingRow, ResolvedKeys, aggregate_columns};
use super::{AfterRating, AfterTop, Batches, Error, Positions, Ratings, TopRated, UserRatings};
use crate::batch::{Batch, Outcome, Position};
use async_trait::async_trait;
use history::History;
use meter::Sampler;
use model::{Aggregate, Prior, Rating, Record, RecordId, RecordType, UserId};
use sqlx::postgres::PgConnectOptions;
use statements::Statements;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use storage::Migration;
use storage::postgres::{Lease, Pool, REWRITE_TIMEOUT, WRITE_TIMEOUT, within};

const MIGRATIONS: &[Migration] = &[
    Migration::new(1, "ratings", include_str!("../../../schemas/rating/postgres/0001_ratings.sql")),
    Migration::new(
        2,
        "ratings by rater",
        include_str!("../../../schemas/rating/postgres/0002_ratings_by_rater.sql"),
    ),
    Migration::new(3, "key history", include_str!("../../../schemas/rating/postgres/0003_key_history.sql")),
    Migration::new(
        4,
        "skipped offsets",
        include_str!("../../../schemas/rating/postgres/0004_skipped_offsets.sql"),
    ),
];

/// The aggregate of record type `$1` and id `$2`.
const GET_AGGREGATE: &str = concat!(
    "SELECT ",
    aggregate_columns!(),
    " FROM record AS r JOIN aggregate AS a ON a.record = r.key \
     WHERE r.record_type = $1 AND r.record_id = $2 AND a.count > 0"
);

/// The aggregates of record type `$1` and ids `$2`.
const BATCH_GET_AGGREGATES: &str = concat!(
    "SELECT ",
    aggregate_columns!(),
    " FROM record AS r JOIN aggregate AS a ON a.record = r.key \
     WHERE r.record_type = $1 AND r.record_id = ANY($2) AND a.count > 0"
);

/// The rating of record type `$1` and id `$2` by user `$3`.
const GET_RATING: &str = "SELECT r.record_type, r.record_id, u.user_id, g.value::bigint, g.provider_id, g.rated_at \
     FROM record AS r CROSS JOIN rater AS u JOIN rating AS g ON g.rater = u.key AND g.record = r.key \
     WHERE r.record_type = $1 AND r.record_id = $2 AND u.user_id = $3";
const LIST_USER_RATINGS: &str = sql::list_user_ratings!("");

/// Locks the prior: every batch takes the lock shared, and a change of the prior takes it exclusively. It is the
/// first lock of each transaction.
const LOCK_PRIOR_SHARED: &str = "SELECT pg_advisory_xact_lock_shared(hashtext('rating.prior'))";
const LOCK_PRIOR: &str = "SELECT pg_advisory_xact_lock(hashtext('rating.prior'))";
/// Returns whether prior weight `$1` and mean `$2` are the stored ones.
const IS_PRIOR: &str = "SELECT prior_weight = $1 AND prior_mean = $2 FROM setting";

const SCHEMA: &str = "rating";

/// Additional settings of the connections that write. A plan made for the array lengths of one batch may read whole
/// tables or be JIT-compiled; the generic plan looks up rows by key for any length.
const WRITING: [(&str, &str); 2] = [("plan_cache_mode", "force_generic_plan"), ("jit", "off")];

/// How many times a batch is tried if its cached keys cannot be verified. From the second time on they are read
/// from the database.
const ATTEMPTS: usize = 3;

/// The default number of batches that an instance applies concurrently.
pub const LANES: u32 = 4;
const READERS: u32 = 8;

/// The additional time limit of a transaction for each of its writes: many times what a large batch takes.
const TIMEOUT_PER_WRITE: Duration = Duration::from_micros(500);

/// The store.
#[derive(Debug)]
pub struct Repository {
    lanes: u32,
    writers: Pool,
    readers: Pool,
    history: RwLock<Arc<History>>,
}

impl Repository {
    /// Opens the database for `lanes` concurrent batches, and migrates it.
    pub async fn open(options: &PgConnectOptions, lanes: u32) -> Result<Self, storage::Error> {
        let writers = storage::postgres::open(&options.clone().options(WRITING), SCHEMA, lanes).await?;
        writers.migrate(MIGRATIONS).await?;
        let readers = storage::postgres::open(options, SCHEMA, READERS).await?;
        Ok(Self { lanes, writers, readers, history: RwLock::default() })
    }

    fn history(&self) -> Arc<History> {
        Arc::clone(&self.history.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Discards the keys of `disproved`, unless another lane has done so already.
    fn discard(&self, disproved: &Arc<History>) {
        let mut history = self.history.write().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&history, disproved) {
            tracing::warn!("the database may have lost transactions: discarding the cached keys");
            *history = Arc::default();
        }
    }

    /// Applies `batch` with the cached keys. Discards them and returns `None` if they cannot be verified.
    async fn attempt(&self, connection: &mut Lease, batch: &Batch) -> Result<Option<Vec<Outcome>>, Error> {
        let history = self.history();
        let mut keys = ResolvedKeys::of(&batch.writes, &history.cache);
        if !keys.is_complete() && !resolve(connection, &history, &mut keys).await? {
            self.discard(&history);
            return Ok(None);
        }
        let mut transaction = connection.begin().await?;
        sqlx::query(LOCK_PRIOR_SHARED).execute(&mut transaction).await?;
        let mut statements = Statements::new(&mut transaction, &history);
        let applied = sql::apply(&mut statements, &keys, batch).await;
        if statements.is_stale() {
            transaction.rollback().await?;
            self.discard(&history);
            return Ok(None);
        }
        let outcomes = applied?;
        transaction.commit().await?;
        Ok(Some(outcomes))
    }

    async fn apply_on(&self, connection: &mut Lease, batch: &Batch) -> Result<Vec<Outcome>, Error> {
        for _ in 0..ATTEMPTS {
            if let Some(outcomes) = self.attempt(connection, batch).await? {
                return Ok(outcomes);
            }
        }
        Err(storage::Error::row("key_history", format!("it changed during {ATTEMPTS} attempts")).into())
    }
}

#[async_trait]
impl Ratings for Repository {
    async fn get_aggregate(&self, record: &Record) -> Result<Option<Arc<Aggregate>>, Error> {
        let row: Option<AggregateRow> = sqlx::query_as(GET_AGGREGATE)
            .bind(record.record_type.as_str())
            .bind(record.record_id.as_str())
            .fetch_optional(&self.readers)
            .await?;
        Ok(row.map(sql::aggregate).transpose()?.map(Arc::new))
    }

    async fn batch_get_aggregates(
        &self,
        record_type: &RecordType,
        ids: &[RecordId],
    ) -> Result<Vec<Arc<Aggregate>>, Error> {
        let rows: Vec<AggregateRow> = sqlx::query_as(BATCH_GET_AGGREGATES)
            .bind(record_type.as_str())
            .bind(ids.iter().map(RecordId::as_str).collect::<Vec<_>>())
            .fetch_all(&self.readers)
            .await?;
        Ok(in_order(rows, ids)?)
    }

    async fn get_rating(&self, record: &Record, user: &UserId) -> Result<Option<Rating>, Error> {
        let row: Option<RatingRow> = sqlx::query_as(GET_RATING)
            .bind(record.record_type.as_str())
            .bind(record.record_id.as_str())
            .bind(user.as_str())
            .fetch_optional(&self.readers)
            .await?;
        Ok(row.map(sql::rating).transpose()?)
    }

    async fn list_user_ratings(&self, list: UserRatings<'_>) -> Result<Vec<Rating>, Error> {
        let UserRatings { user, record_type, after, limit } = list;
        let start = AfterRating::start();
        let after = after.unwrap_or(&start);
        let rows: Vec<RatingRow> = sqlx::query_as(LIST_USER_RATINGS)
            .bind(user.as_str())
            .bind(record_type.map(RecordType::as_str))
            .bind(after.rated_at)
            .bind(&after.record_type)
            .bind(&after.record_id)
            .bind(sql::number(limit))
            .fetch_all(&self.readers)
            .await?;
        Ok(rows.into_iter().map(sql::rating).collect::<Result<_, _>>()?)
    }

    async fn list_top_rated(&self, list: TopRated<'_>) -> Result<Vec<Aggregate>, Error> {
        let TopRated { record_type, min_count, after, limit } = list;
        let start = AfterTop::start();
        let after = after.unwrap_or(&start);
        let rows: Vec<AggregateRow> = sqlx::query_as(sql::LIST_TOP_RATED)
            .bind(record_type.as_str())
            .bind(sql::number(min_count))
            .bind(after.weighted_mean())
            .bind(&after.record_id)
            .bind(sql::number(limit))
            .fetch_all(&self.readers)
            .await?;
        Ok(rows.into_iter().map(sql::aggregate).collect::<Result<_, _>>()?)
    }

    fn sample(&self, to: &mut Sampler<'_>) -> fmt::Result {
        Pool::sample([("readers", &self.readers), ("writers", &self.writers)], to)
    }
}

#[async_trait]
impl Batches for Repository {
    fn lanes(&self) -> usize {
        self.lanes as usize
    }

    async fn apply(&self, _lane: usize, batch: &Batch) -> Result<Vec<Outcome>, Error> {
        let mut connection = self.writers.acquire().await?;
        let writes = u32::try_from(batch.writes.len()).unwrap_or(u32::MAX);
        let limit = WRITE_TIMEOUT + TIMEOUT_PER_WRITE * writes;
        let applied = within(limit, self.apply_on(&mut connection, batch)).await;
        connection.end(applied)
    }

    async fn set_prior(&self, prior: Prior) -> Result<(), Error> {
        let stored: Option<bool> = sqlx::query_scalar(IS_PRIOR)
            .bind(prior.weight())
            .bind(prior.mean())
            .fetch_optional(&self.readers)
            .await?;
        // The lock blocks every batch, even while it is only requested, so an instance that starts beside others
        // avoids it.
        if stored == Some(true) {
            return Ok(());
        }
        let mut connection = self.writers.acquire().await?;
        let set = async {
            let mut transaction = connection.begin().await?;
            // The statement may write every aggregate.
            sqlx::query("SET LOCAL statement_timeout = 0").execute(&mut transaction).await?;
            sqlx::query(LOCK_PRIOR).execute(&mut transaction).await?;
            let set = sqlx::query(sql::SET_PRIOR).bind(prior.weight()).bind(prior.mean());
            if set.execute(&mut transaction).await?.rows_affected() > 0 {
                sqlx::query(sql::RECOMPUTE_WEIGHTED_MEANS).execute(&mut transaction).await?;
            }
            transaction.commit().await
        };
        let set = within(REWRITE_TIMEOUT, set).await;
        Ok(connection.end(set)?)
    }
}

#[async_trait]
impl Positions for Repository {
    async fn positions(&self, cluster: &str, topic: &str) -> Result<Vec<(i32, Position)>, Error> {
        let rows: Vec<PositionRow> =
            sqlx::query_as(sql::POSITIONS).bind(cluster).bind(topic).fetch_all(&self.readers).await?;
        Ok(rows.into_iter().map(sql::position).collect())
    }

    async fn clusters(&self, topic: &str) -> Result<Vec<String>, Error> {
        Ok(sqlx::query_scalar(sql::CLUSTERS).bind(topic).fetch_all(&self.readers).await?)
    }

    async fn forget_positions(&self, topic: &str) -> Result<(), Error> {
        sqlx::query(sql::FORGET_POSITIONS).bind(topic).execute(&self.writers).await?;
        Ok(())
    }
}

#[async_trait]
impl super::Repository for Repository {
    async fn ready(&self) -> Result<(), Error> {
        sqlx::query("SELECT one FROM setting").execute(&self.readers).await?;
        Ok(())
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writers.close().await;
    }
}

/// Resolves the missing keys in a separate transaction: in the batch's own transaction, lanes with the same new
/// users would wait for each other until its end. The lanes do so one after the other, because later ones then find
/// most of their names cached. Returns false, and stores nothing, if the cached keys cannot be verified. A key
/// without a rating is harmless.
async fn resolve(
    connection: &mut Lease,
    history: &History,
    keys: &mut ResolvedKeys<'_>,
) -> Result<bool, storage::Error> {
    let _allocating = history.allocating.lock().await;
    keys.take_cached(&history.cache);
    if keys.is_complete() {
        return Ok(true);
    }
    let token = history.begin(connection).await?;
    let mut transaction = connection.begin().await?;
    let new = keys.resolve(&mut Statements::new(&mut transaction, history)).await?;
    let Some(newest) = history::prove(&mut transaction, token, new.allocated).await? else {
        transaction.rollback().await?;
        return Ok(false);
    };
    transaction.commit().await?;
    history.insert(new, newest);
    Ok(true)
}

/// Converts rows to aggregates, in the order of `ids`.
fn in_order(rows: Vec<AggregateRow>, ids: &[RecordId]) -> Result<Vec<Arc<Aggregate>>, storage::Error> {
    let mut found: HashMap<String, AggregateRow> = rows.into_iter().map(|row| (row.1.clone(), row)).collect();
    ids.iter()
        .filter_map(|id| found.remove(id.as_str()))
        .map(|row| sql::aggregate(row).map(Arc::new))
        .collect()
}
