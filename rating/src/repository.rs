//! What the service requires of a store of ratings: one trait for each of its users. The implementations are the
//! modules below; only `crate::store` chooses between them.

pub mod cached;
mod cursor;
pub mod memory;
pub mod postgres;
mod sql;
pub mod sqlite;

pub use cursor::{AfterRating, AfterTop, TopRated, UserRatings};

use crate::batch::{Batch, Outcome, Partition, Position};
use async_trait::async_trait;
use fault::{Fault, Kind};
use meter::Sampler;
use model::{Aggregate, Prior, Rating, Record, RecordId, RecordType, UserId};
use std::fmt;
use std::iter::successors;
use std::sync::Arc;

/// Why a call on a store failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The stored position of this partition is not the expected one: it has another owner.
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
    /// Returns whether the database rolled the batch back because of other transactions at the same time (SQLSTATE
    /// 40001, 40P01), so that the same batch may succeed at once.
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

/// Reads of ratings and aggregates. They see every batch whose [`Batches::apply`] has returned.
#[async_trait]
pub trait Ratings: fmt::Debug + Send + Sync {
    /// Returns the aggregate of `record`, if it has a rating.
    async fn get_aggregate(&self, record: &Record) -> Result<Option<Arc<Aggregate>>, Error>;

    /// Returns the aggregates of the records of one type, in the order of `ids`, which must not contain duplicates.
    /// Records without a rating are left out.
    async fn batch_get_aggregates(
        &self,
        record_type: &RecordType,
        ids: &[RecordId],
    ) -> Result<Vec<Arc<Aggregate>>, Error>;

    /// Returns the user's rating of `record`, if it exists.
    async fn get_rating(&self, record: &Record, user: &UserId) -> Result<Option<Rating>, Error>;

    /// Lists ratings of a user, newest first, then by record.
    async fn list_user_ratings(&self, list: UserRatings<'_>) -> Result<Vec<Rating>, Error>;

    /// Lists aggregates by descending weighted mean, then by record id.
    async fn list_top_rated(&self, list: TopRated<'_>) -> Result<Vec<Aggregate>, Error>;

    /// Encodes the metrics of the store, if it has any.
    ///
    /// # Errors
    ///
    /// Those of the encoder.
    fn sample(&self, _to: &mut Sampler<'_>) -> fmt::Result {
        Ok(())
    }
}

/// Changes of ratings and aggregates. The writer calls `apply` from a task of the lane, so a caller that hangs up
/// does not cancel a commit.
#[async_trait]
pub trait Batches: fmt::Debug + Send + Sync {
    /// Returns how many batches can be applied at the same time; at least 1.
    fn lanes(&self) -> usize;

    /// Applies `batch` in one transaction on the connection of `lane`, and returns the outcome of each write. After an
    /// error nothing is stored, unless the connection was lost during the commit: then the result is unknown.
    async fn apply(&self, lane: usize, batch: &Batch) -> Result<Vec<Outcome>, Error>;

    /// Stores the prior. If it changes, recomputes every weighted mean in the same transaction.
    async fn set_prior(&self, prior: Prior) -> Result<(), Error>;
}

/// The positions of the partitions, which ingestion continues from. [`Batches::apply`] advances them.
#[async_trait]
pub trait Positions: fmt::Debug + Send + Sync {
    /// Returns the stored positions of a topic's partitions, by partition number.
    async fn positions(&self, cluster: &str, topic: &str) -> Result<Vec<(i32, Position)>, Error>;

    /// Returns the ids of the clusters with stored positions of a topic.
    async fn clusters(&self, topic: &str) -> Result<Vec<String>, Error>;

    /// Deletes the positions of a topic in every cluster, for a broker that is new at every start.
    async fn forget_positions(&self, topic: &str) -> Result<(), Error>;
}

/// A complete store.
#[async_trait]
pub trait Repository: Ratings + Batches + Positions {
    /// Returns an error if the store cannot be reached.
    async fn ready(&self) -> Result<(), Error>;

    /// Closes the store; later calls fail.
    async fn close(&self);
}
