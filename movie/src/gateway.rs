//! The services behind this one, as the controller sees them: what can be asked, and how it can fail.

pub mod coalesce;
mod error;
mod failure;
pub mod grpc;
pub mod http;
pub(crate) mod rows;

pub use error::{Error, Unexpected};

use async_trait::async_trait;
use cache::Shared;
use model::page::{Page, Request};
use model::{Aggregate, Metadata, MinCount, RecordId, RecordType};
use std::time::Duration;
use tokio::time::Instant;

/// How long a new instance may take over its first connection before it is left to the calls to connect.
const OPEN_TIMEOUT: Duration = Duration::from_secs(1);

/// The names of the services behind, as their failures tell them.
pub(crate) const METADATA: &str = "metadata";
pub(crate) const RATING: &str = "rating";

/// The metadata service. Every call answers before `deadline`.
#[async_trait]
pub trait MetadataGateway: Send + Sync {
    /// The movie's metadata; `None` where there is none.
    async fn get(&self, id: &RecordId, deadline: Instant) -> Result<Option<Shared<Metadata>>, Error>;

    /// The metadata of `ids`, at most 500, in their order; missing ones are left out.
    async fn batch_get(&self, ids: &[RecordId], deadline: Instant) -> Result<Vec<Shared<Metadata>>, Error>;

    /// One page of what `query` finds, best match first; all by id where it is empty.
    async fn search(
        &self,
        query: &str,
        page: &Request,
        deadline: Instant,
    ) -> Result<Page<Shared<Metadata>>, Error>;
}

/// The rating service. Every call answers before `deadline`.
#[async_trait]
pub trait RatingGateway: Send + Sync {
    /// What the record's ratings come to; `None` where there is none.
    async fn aggregate(
        &self,
        record_type: &RecordType,
        id: &RecordId,
        deadline: Instant,
    ) -> Result<Option<Shared<Aggregate>>, Error>;

    /// The aggregates of `ids`, at most 500, in their order; those without a rating are left out.
    async fn batch(
        &self,
        record_type: &RecordType,
        ids: &[RecordId],
        deadline: Instant,
    ) -> Result<Vec<Shared<Aggregate>>, Error>;

    /// One page of the records with at least `min_count` ratings, by weighted mean.
    async fn top(
        &self,
        record_type: &RecordType,
        min_count: MinCount,
        page: &Request,
        deadline: Instant,
    ) -> Result<Page<Shared<Aggregate>>, Error>;
}
