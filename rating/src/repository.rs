//! Where ratings are kept: what a store must do, the three that do it, and what is kept of them in memory.

pub mod cached;
pub mod memory;
pub mod postgres;
mod sql;
pub mod sqlite;

use crate::batch::{Batch, Outcome, Partition, Position};
use async_trait::async_trait;
use cache::Shared;
use fault::{Fault, Kind};
use model::{Aggregate, Prior, Rating, Record, RecordId, RecordType, UserId};
use serde::{Deserialize, Serialize};
use std::cmp::{Ordering, Reverse};
use std::fmt;
use std::iter::successors;
use std::sync::Arc;
use std::time::Duration;
use storage::{Config, Url};

/// Why a store could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A batch expected another position of this partition than the stored one: it has another owner.
    #[error("the position of partition {0} was moved by another instance")]
    Fenced(Partition),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Storage(error.into())
    }
}

impl Error {
    /// Returns whether the database rolled the batch back because of other transactions at the same time (SQLSTATE 40001,
    /// 40P01), so that the same batch may succeed at once.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        let causes = successors(Some(self as &dyn std::error::Error), |error| error.source());
        let mut databases =
            causes.filter_map(|cause| cause.downcast_ref::<sqlx::Error>()?.as_database_error());
        databases.any(|error| matches!(error.code().as_deref(), Some("40001" | "40P01")))
    }

    /// Returns whether the database rejects a value of the batch: without the write at fault, the others may succeed.
    #[must_use]
    pub const fn is_rejection(&self) -> bool {
        matches!(self, Self::Storage(storage::Error::Rejected(_)))
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Fenced(_) => Kind::Conflict,
            Self::Storage(error) => error.kind(),
        }
    }
}

/// Where a row stands in a user's ratings: newest first, then by record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AfterRating {
    /// When the user rated, in milliseconds since 1970.
    pub rated_at: i64,
    /// The record's type.
    pub record_type: String,
    /// The record's id.
    pub record_id: String,
}

/// Where a row stands among the best records of a type: greatest weighted mean first, then by id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AfterTop {
    /// The weighted mean's bits, because a number may lose its last one on the way through a page token.
    bits: u64,
    /// The record's id.
    pub record_id: String,
}

/// A store of ratings. Reads see every batch whose `apply` has returned.
#[async_trait]
pub trait Repository: fmt::Debug + Send + Sync {
    /// How many batches can be applied at the same time; at least one.
    fn lanes(&self) -> usize;

    /// Applies `batch` in one transaction on the connection of `lane`, and returns the outcome of each write.
    /// On an error nothing of it is stored, with one exception: where the connection is lost while the
    /// transaction commits, nobody knows.
    async fn apply(&self, lane: usize, batch: &Batch) -> Result<Vec<Outcome>, Error>;

    /// Returns the aggregate of `record`, if it has a rating.
    async fn aggregate(&self, record: &Record) -> Result<Option<Shared<Aggregate>>, Error>;

    /// Returns the aggregates of the records of one type, in the order of `ids`, of which none stands twice;
    /// those without a rating are left out.
    async fn aggregates(
        &self,
        record_type: &RecordType,
        ids: &[RecordId],
    ) -> Result<Vec<Shared<Aggregate>>, Error>;

    /// Returns the user's rating of `record`, if there is one.
    async fn rating(&self, record: &Record, user: &UserId) -> Result<Option<Rating>, Error>;

    /// Lists at most `limit` of the user's ratings that come after `after`, of all types or one.
    async fn ratings(
        &self,
        user: &UserId,
        record_type: Option<&RecordType>,
        after: Option<&AfterRating>,
        limit: usize,
    ) -> Result<Vec<Rating>, Error>;

    /// Lists at most `limit` records of a type with at least `min_count` ratings that come after `after`.
    async fn top(
        &self,
        record_type: &RecordType,
        min_count: u64,
        after: Option<&AfterTop>,
        limit: usize,
    ) -> Result<Vec<Aggregate>, Error>;

    /// Returns the stored positions of a topic's partitions, by their numbers.
    async fn positions(&self, cluster: &str, topic: &str) -> Result<Vec<(i32, Position)>, Error>;

    /// Returns the clusters of which positions of a topic are stored, by their ids.
    async fn clusters(&self, topic: &str) -> Result<Vec<String>, Error>;

    /// Forgets the positions of a topic in every cluster, for a broker that begins anew at every start.
    async fn forget_positions(&self, topic: &str) -> Result<(), Error>;

    /// Stores what is assumed of unrated records; where that changes, every weighted mean is computed anew
    /// in the same transaction.
    async fn set_prior(&self, prior: Prior) -> Result<(), Error>;

    /// Tells whether the store can be reached.
    async fn ready(&self) -> Result<(), Error>;

    /// Gives the store up, in good order; calls fail from then on.
    async fn close(&self);
}

impl AfterRating {
    /// A place before every rating.
    const fn start() -> Self {
        Self { rated_at: i64::MAX, record_type: String::new(), record_id: String::new() }
    }

    fn order(&self) -> (Reverse<i64>, &str, &str) {
        (Reverse(self.rated_at), &self.record_type, &self.record_id)
    }

    /// The first `limit` of `ratings`, of all types or one, that come after this place; in their order.
    fn page(&self, mut ratings: Vec<Rating>, record_type: Option<&RecordType>, limit: usize) -> Vec<Rating> {
        ratings.retain(|rating| {
            record_type.is_none_or(|asked| rating.record.record_type == *asked)
                && Self::of(rating).order() > self.order()
        });
        ratings.sort_by_cached_key(|rating| (Reverse(rating.rated_at), rating.record.clone()));
        ratings.truncate(limit);
        ratings
    }

    /// The place of `rating`.
    #[must_use]
    pub fn of(rating: &Rating) -> Self {
        Self {
            rated_at: rating.rated_at.as_millis(),
            record_type: rating.record.record_type.as_str().into(),
            record_id: rating.record.record_id.as_str().into(),
        }
    }
}

impl AfterTop {
    /// A place before every record.
    const fn start() -> Self {
        Self { bits: f64::MAX.to_bits(), record_id: String::new() }
    }

    /// The place of `aggregate`.
    #[must_use]
    pub fn of(aggregate: &Aggregate) -> Self {
        Self {
            bits: aggregate.weighted_mean.to_bits(),
            record_id: aggregate.record.record_id.as_str().into(),
        }
    }

    /// The weighted mean.
    #[must_use]
    pub const fn weighted_mean(&self) -> f64 {
        f64::from_bits(self.bits)
    }

    fn order(&self, other: &Self) -> Ordering {
        let by_mean = other.weighted_mean().total_cmp(&self.weighted_mean());
        by_mean.then_with(|| self.record_id.cmp(&other.record_id))
    }
}

/// Opens the store that `config` names, its tables up to date. What is read from PostgreSQL, to which other
/// instances write as well, is kept in memory for `cache_ttl`; what is read from SQLite, until it is written.
pub async fn open(config: &Config, cache_ttl: Duration) -> Result<Arc<dyn Repository>, storage::Error> {
    Ok(match &config.database {
        Url::Memory => Arc::new(memory::Repository::new()),
        Url::Sqlite(path) => {
            let store = sqlite::Repository::open(path, config.sqlite_synchronous).await?;
            Arc::new(cached::Repository::new(Arc::new(store), None))
        }
        Url::Postgres(options) => {
            let store = Arc::new(postgres::Repository::open(options, postgres::LANES).await?);
            if cache_ttl.is_zero() {
                store
            } else {
                Arc::new(cached::Repository::new(store, Some(cache_ttl)))
            }
        }
    })
}
