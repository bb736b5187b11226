//! The join: metadata decides whether there is a movie, ratings are added where they can be had in time.

use crate::gateway::rows::{self, in_order, single};
use crate::gateway::{self, METADATA, MetadataGateway, RATING, RatingGateway};
use crate::movie::Movie;
use crate::response_cache::ResponseCache;
use cache::Shared;
use fault::{Fault, Kind, Violation};
use model::page::{Page, Request};
use model::{Aggregate, Metadata, MinCount, Part, RecordId, RecordType};
use std::sync::Arc;
use tokio::time::Instant;

#[cfg(test)]
mod tests;

/// Why a movie can't be answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such movie.
    #[error("no movie with id {0}")]
    NotFound(RecordId),
    /// A service that the answer can't do without failed.
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

/// Answers about movies by asking both services. Every call response_cache before its `deadline`, which leaves the
/// caller time to send the answer.
#[derive(Clone)]
pub struct Controller {
    metadata: Arc<dyn MetadataGateway>,
    rating: Arc<dyn RatingGateway>,
    response_cache: Option<Arc<ResponseCache>>,
    record_type: RecordType,
}

impl Controller {
    /// A join over these two services, which keeps whole response_cache about single movies where it has `response_cache`.
    pub fn new(
        metadata: Arc<dyn MetadataGateway>,
        rating: Arc<dyn RatingGateway>,
        response_cache: Option<Arc<ResponseCache>>,
    ) -> Self {
        Self { metadata, rating, response_cache, record_type: RecordType::movie() }
    }

    /// One movie.
    pub async fn get(&self, id: &RecordId, deadline: Instant) -> Result<Shared<Movie>, Error> {
        match &self.response_cache {
            Some(response_cache) => response_cache.get_or(id, self.ask(id, deadline)).await,
            None => self.ask(id, deadline).await.map(Into::into),
        }
    }

    /// Asks both services at once; a movie that does not exist waits for no rating.
    async fn ask(&self, id: &RecordId, deadline: Instant) -> Result<Movie, Error> {
        let record_type = &self.record_type;
        let metadata = async {
            let found = self.metadata.get(id, deadline).await?;
            let found = single(record_type, id, found).map_err(|unexpected| unexpected.by(METADATA))?;
            found.ok_or_else(|| Error::NotFound(id.clone()))
        };
        let rating = async {
            let found = self.rating.aggregate(record_type, id, deadline).await;
            Ok(found
                .and_then(|found| single(record_type, id, found).map_err(|unexpected| unexpected.by(RATING))))
        };
        let (metadata, rating) = tokio::try_join!(metadata, rating)?;
        Ok(match rating {
            Ok(rating) => Movie { metadata, rating, partial: Vec::new() },
            Err(error) => without_rating(metadata, &error),
        })
    }

    /// The movies of `ids`, at most 500 and none twice, in their order; missing ones are left out.
    pub async fn batch_get(&self, ids: &[RecordId], deadline: Instant) -> Result<Vec<Movie>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ratings = async { Ok(self.ratings(ids, deadline).await) };
        let (metadata, ratings) = tokio::try_join!(self.metadata(ids, deadline), ratings)?;
        Ok(join(ids, metadata, ratings))
    }

    /// One page of the movies that `query` finds, best match first; all by id where it is empty.
    pub async fn search(&self, query: &str, page: &Request, deadline: Instant) -> Result<Page<Movie>, Error> {
        let found = self.metadata.search(query, page, deadline).await?;
        let ids = rows::page(&self.record_type, page, &found.items)
            .map_err(|unexpected| unexpected.by(METADATA))?;
        let ratings = if ids.is_empty() { Ok(Vec::new()) } else { self.ratings(&ids, deadline).await };
        Ok(Page { items: join(&ids, found.items, ratings), next: found.next })
    }

    /// One page of the movies with at least `min_count` ratings, by weighted mean; those without metadata
    /// are skipped, so that a page may hold fewer than it could.
    pub async fn top(
        &self,
        min_count: MinCount,
        page: &Request,
        deadline: Instant,
    ) -> Result<Page<Movie>, Error> {
        let top = self.rating.top(&self.record_type, min_count, page, deadline).await?;
        let ids =
            rows::page(&self.record_type, page, &top.items).map_err(|unexpected| unexpected.by(RATING))?;
        let metadata = if ids.is_empty() { Vec::new() } else { self.metadata(&ids, deadline).await? };
        Ok(Page { items: join(&ids, metadata, Ok(top.items)), next: top.next })
    }

    async fn ratings(
        &self,
        ids: &[RecordId],
        deadline: Instant,
    ) -> Result<Vec<Shared<Aggregate>>, gateway::Error> {
        let found = self.rating.batch(&self.record_type, ids, deadline).await?;
        in_order(&self.record_type, ids, found).map_err(|unexpected| unexpected.by(RATING))
    }

    async fn metadata(
        &self,
        ids: &[RecordId],
        deadline: Instant,
    ) -> Result<Vec<Shared<Metadata>>, gateway::Error> {
        let found = self.metadata.batch_get(ids, deadline).await?;
        in_order(&self.record_type, ids, found).map_err(|unexpected| unexpected.by(METADATA))
    }
}

/// The movies of `ids` for which there is metadata. Both lists are in the order of `ids`.
fn join(
    ids: &[RecordId],
    metadata: Vec<Shared<Metadata>>,
    ratings: Result<Vec<Shared<Aggregate>>, gateway::Error>,
) -> Vec<Movie> {
    let ratings = match ratings {
        Ok(ratings) => ratings,
        Err(error) => {
            return metadata.into_iter().map(|metadata| without_rating(metadata, &error)).collect();
        }
    };
    let (mut metadata, mut ratings) = (metadata.into_iter().peekable(), ratings.into_iter().peekable());
    let movie = |id: &RecordId| {
        let rating = ratings.next_if(|rating| rating.record.record_id == *id);
        let metadata = metadata.next_if(|metadata| metadata.id == *id)?;
        Some(Movie { metadata, rating, partial: Vec::new() })
    };
    ids.iter().filter_map(movie).collect()
}

fn without_rating(metadata: Shared<Metadata>, error: &gateway::Error) -> Movie {
    tracing::debug!(%error, id = %metadata.id, "answering without ratings");
    Movie { metadata, rating: None, partial: vec![Part::Rating] }
}
