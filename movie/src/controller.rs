//! Joins metadata and ratings. Metadata decides whether a movie exists; ratings are added if they arrive in time.

use crate::gateway::rows::{self, in_order, single};
use crate::gateway::{self, METADATA, MetadataGateway, RATING, RatingGateway};
use fault::{Fault, Kind, Violation};
use model::page::{Page, Request};
use model::search::Found;
use model::{Aggregate, Metadata, MinCount, MovieDetails, Part, RecordId, RecordType};
use std::sync::Arc;
use tokio::time::Instant;
use trace::SpanKind;

#[cfg(test)]
mod tests;

/// A failure to return a movie.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such movie.
    #[error("no movie with id {0}")]
    NotFound(RecordId),
    /// A service without which there is no result failed.
    #[error(transparent)]
    Gateway(#[from] gateway::Error),
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound(_) => Kind::NotFound,
            Self::Gateway(error) => error.kind(),
        }
    }

    fn violations(&self) -> &[Violation] {
        match self {
            Self::NotFound(_) => &[],
            Self::Gateway(error) => error.violations(),
        }
    }
}

/// Reads movies from both services. Every call returns before its `deadline`, which leaves the caller time to send the
/// response.
#[derive(Clone)]
pub struct Controller {
    metadata: Arc<dyn MetadataGateway>,
    rating: Arc<dyn RatingGateway>,
    record_type: RecordType,
}

impl Controller {
    /// Creates a controller that joins these two services.
    pub fn new(metadata: Arc<dyn MetadataGateway>, rating: Arc<dyn RatingGateway>) -> Self {
        Self { metadata, rating, record_type: RecordType::movie() }
    }

    /// Returns one movie. Both services are called at the same time; if the movie does not exist, its rating is not
    /// awaited.
    pub async fn get(&self, id: &RecordId, deadline: Instant) -> Result<MovieDetails, Error> {
        traced("get movie", self.get_joined(id, deadline)).await
    }

    async fn get_joined(&self, id: &RecordId, deadline: Instant) -> Result<MovieDetails, Error> {
        let record_type = &self.record_type;
        let metadata = async {
            let row = self.metadata.get(id, deadline).await?;
            let row = single(record_type, id, row).map_err(|unexpected| unexpected.by(METADATA))?;
            row.ok_or_else(|| Error::NotFound(id.clone()))
        };
        let rating = async {
            let row = self.rating.get_aggregate(record_type, id, deadline).await;
            Ok(row.and_then(|row| single(record_type, id, row).map_err(|unexpected| unexpected.by(RATING))))
        };
        let (metadata, rating) = tokio::try_join!(metadata, rating)?;
        Ok(match rating {
            Ok(rating) => MovieDetails { metadata, rating, partial: Vec::new() },
            Err(error) => {
                mark_partial();
                without_rating(metadata, &error)
            }
        })
    }

    /// Returns the movies of `ids`, at most 500 and all different, in their order; missing ones are left out.
    pub async fn batch_get(&self, ids: &[RecordId], deadline: Instant) -> Result<Vec<MovieDetails>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let batch_get = async {
            let ratings = async { Ok(self.batch_get_aggregates(ids, deadline).await) };
            let (metadata, ratings) = tokio::try_join!(self.batch_get_metadata(ids, deadline), ratings)?;
            Ok(join(ids, metadata, ratings))
        };
        traced("batch get movies", batch_get).await
    }

    /// Returns one page of the movies that match `query`, best match first; all movies by id if it is empty.
    pub async fn search(
        &self,
        query: &str,
        page: &Request,
        deadline: Instant,
    ) -> Result<Found<MovieDetails>, Error> {
        let search = async {
            let Found { page: found, corrected } = self.metadata.search(query, page, deadline).await?;
            let ids = rows::page(&self.record_type, page, &found.items)
                .map_err(|unexpected| unexpected.by(METADATA))?;
            let ratings =
                if ids.is_empty() { Ok(Vec::new()) } else { self.batch_get_aggregates(&ids, deadline).await };
            let page = Page { items: join(&ids, found.items, ratings), next: found.next };
            Ok(Found { page, corrected })
        };
        traced("search movies", search).await
    }

    /// Returns one page of the movies with at least `min_count` ratings, by weighted mean. Those without metadata are
    /// skipped, so that a page may be shorter than its size.
    pub async fn list_top(
        &self,
        min_count: MinCount,
        page: &Request,
        deadline: Instant,
    ) -> Result<Page<MovieDetails>, Error> {
        let list_top = async {
            let top = self.rating.list_top_rated(&self.record_type, min_count, page, deadline).await?;
            let ids = rows::page(&self.record_type, page, &top.items)
                .map_err(|unexpected| unexpected.by(RATING))?;
            let metadata =
                if ids.is_empty() { Vec::new() } else { self.batch_get_metadata(&ids, deadline).await? };
            Ok(Page { items: join(&ids, metadata, Ok(top.items)), next: top.next })
        };
        traced("list top movies", list_top).await
    }

    async fn batch_get_aggregates(
        &self,
        ids: &[RecordId],
        deadline: Instant,
    ) -> Result<Vec<Aggregate>, gateway::Error> {
        let rows = self.rating.batch_get_aggregates(&self.record_type, ids, deadline).await?;
        in_order(&self.record_type, ids, rows).map_err(|unexpected| unexpected.by(RATING))
    }

    async fn batch_get_metadata(
        &self,
        ids: &[RecordId],
        deadline: Instant,
    ) -> Result<Vec<Metadata>, gateway::Error> {
        let rows = self.metadata.batch_get(ids, deadline).await?;
        in_order(&self.record_type, ids, rows).map_err(|unexpected| unexpected.by(METADATA))
    }
}

/// Returns the movies of `ids` that have metadata. Both lists are in the order of `ids`.
fn join(
    ids: &[RecordId],
    metadata: Vec<Metadata>,
    ratings: Result<Vec<Aggregate>, gateway::Error>,
) -> Vec<MovieDetails> {
    let ratings = match ratings {
        Ok(ratings) => ratings,
        Err(error) => {
            mark_partial();
            return metadata.into_iter().map(|metadata| without_rating(metadata, &error)).collect();
        }
    };
    let (mut metadata, mut ratings) = (metadata.into_iter().peekable(), ratings.into_iter().peekable());
    let movie = |id: &RecordId| {
        let rating = ratings.next_if(|rating| rating.record.record_id == *id);
        let metadata = metadata.next_if(|metadata| metadata.id == *id)?;
        Some(MovieDetails { metadata, rating, partial: Vec::new() })
    };
    ids.iter().filter_map(movie).collect()
}

/// Runs an operation in a span of the same name, which fails with it, unless a movie does not exist.
async fn traced<T>(
    name: &'static str,
    operation: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let span = trace::span(name, SpanKind::Internal);
    let result = span.run(operation).await;
    if let Err(Error::Gateway(error)) = &result
        && span.is_recording()
    {
        span.fail(error.to_string());
    }
    result
}

/// Records in the span of the operation that ratings are missing.
fn mark_partial() {
    trace::annotate("marquee.partial", Part::Rating.name());
}

fn without_rating(metadata: Metadata, error: &gateway::Error) -> MovieDetails {
    error.log_as_partial();
    MovieDetails { metadata, rating: None, partial: vec![Part::Rating] }
}
