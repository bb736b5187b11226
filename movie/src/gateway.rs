//! The backend services as the controller sees them: the calls that they accept, and how a call can fail.
//!
//! `grpc.rs` and `http.rs` implement both traits. What all calls of a protocol share is in its `Backend`; the rest, the
//! message or path of each call, differs in every line. `coalesce.rs` wraps either of them.

pub mod coalesce;
mod error;
mod failure;
pub mod grpc;
pub mod http;
mod propagation;
pub(crate) mod rows;

pub use error::{Error, Unexpected};

use async_trait::async_trait;
use model::page::{Page, Request};
use model::search::Found;
use model::{Aggregate, Metadata, MinCount, RecordId, RecordType};
use std::time::Duration;
use tokio::time::Instant;

/// The names of the backend services in errors.
pub(crate) const METADATA: &str = "metadata";
pub(crate) const RATING: &str = "rating";

/// The maximum time for the first connection to a new instance. After it, calls connect by themselves.
const OPEN_TIMEOUT: Duration = Duration::from_secs(1);

/// The metadata service. Every call returns before its `deadline`.
#[async_trait]
pub trait MetadataGateway: Send + Sync {
    /// Returns the metadata of a movie; `None` if there is none.
    async fn get(&self, id: &RecordId, deadline: Instant) -> Result<Option<Metadata>, Error>;

    /// Returns the metadata of `ids`, at most 500, in any order; missing ones are left out.
    async fn batch_get(&self, ids: &[RecordId], deadline: Instant) -> Result<Vec<Metadata>, Error>;

    /// Returns one page of the movies that match `query`, best match first; all movies by id if it is empty.
    async fn search(&self, query: &str, page: &Request, deadline: Instant) -> Result<Found<Metadata>, Error>;
}

/// The rating service. Every call returns before its `deadline`.
#[async_trait]
pub trait RatingGateway: Send + Sync {
    /// Returns the aggregate of a record's ratings; `None` if it has none.
    async fn get_aggregate(
        &self,
        record_type: &RecordType,
        id: &RecordId,
        deadline: Instant,
    ) -> Result<Option<Aggregate>, Error>;

    /// Returns the aggregates of `ids`, at most 500, in any order; records without ratings are left out.
    async fn batch_get_aggregates(
        &self,
        record_type: &RecordType,
        ids: &[RecordId],
        deadline: Instant,
    ) -> Result<Vec<Aggregate>, Error>;

    /// Returns one page of the records with at least `min_count` ratings, by weighted mean.
    async fn list_top_rated(
        &self,
        record_type: &RecordType,
        min_count: MinCount,
        page: &Request,
        deadline: Instant,
    ) -> Result<Page<Aggregate>, Error>;
}
