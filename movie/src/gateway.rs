//! The services behind this one, as the controller sees them: what can be asked, and how it can fail.

pub mod coalesce;
mod failure;
pub mod grpc;
pub mod http;
pub(crate) mod rows;

pub use rows::Unexpected;

use async_trait::async_trait;
use cache::Shared;
use fault::{Fault, Invalid, Kind, Violation};
use model::page::{Page, Request};
use model::{Aggregate, Metadata, MinCount, RecordId, RecordType};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long a new instance may take over its first connection before it is left to the calls to connect.
const OPEN_TIMEOUT: Duration = Duration::from_secs(1);

/// A call to a service behind this one that failed; several who asked together get the same failure.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// No instance could be reached.
    #[error("the {service} service can't be reached")]
    Unavailable {
        /// Which service.
        service: &'static str,
        /// What each try met.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// The answer did not come in time.
    #[error("the {service} service did not respond in time")]
    Late {
        /// Which service.
        service: &'static str,
    },
    /// The service refused the request: the caller's fault, named in its fields.
    #[error(transparent)]
    Refused(Invalid),
    /// The service responded with something else than it was asked for.
    #[error("the {service} service returned an unexpected response")]
    Unexpected {
        /// Which service.
        service: &'static str,
        /// What is wrong with the response.
        source: Unexpected,
    },
    /// The service failed, or answered what can't be understood.
    #[error("the {service} service failed")]
    Failed {
        /// Which service.
        service: &'static str,
        /// What it said.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// `service` can't be reached, because of `source`.
    pub fn unavailable(
        service: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Unavailable { service, source: source.into().into() }
    }

    /// `service` failed, as `source` tells.
    pub fn failed(
        service: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Failed { service, source: source.into().into() }
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Unavailable { .. } | Self::Unexpected { .. } => Kind::Unavailable,
            Self::Late { .. } => Kind::Timeout,
            Self::Refused(_) => Kind::InvalidArgument,
            Self::Failed { .. } => Kind::Internal,
        }
    }

    fn violations(&self) -> &[Violation] {
        match self {
            Self::Refused(invalid) => invalid.violations(),
            _ => &[],
        }
    }
}

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
