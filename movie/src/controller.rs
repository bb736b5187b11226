//! The join: metadata decides whether there is a movie, ratings are added where they can be had in time.

use crate::answers::Answers;
use crate::gateway::{self, MetadataGateway, RatingGateway};
use cache::Shared;
use fault::{Fault, Kind, Violation};
use model::page::{Page, Request};
use model::{Aggregate, Metadata, MinCount, MovieDetails, Part, Record, RecordId, RecordType};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::time::Instant;

#[cfg(test)]
mod tests;

/// Why a movie can't be answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such movie.
    #[error("there is no movie {0}")]
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

/// Answers about movies by asking both services. Every call answers before its `deadline`, which leaves the
/// caller time to send the answer.
#[derive(Clone)]
pub struct Controller {
    metadata: Arc<dyn MetadataGateway>,
    rating: Arc<dyn RatingGateway>,
    answers: Option<Arc<Answers>>,
}

impl Controller {
    /// A join over these two services, which keeps whole answers about single movies where it has `answers`.
    pub fn new(
        metadata: Arc<dyn MetadataGateway>,
        rating: Arc<dyn RatingGateway>,
        answers: Option<Arc<Answers>>,
    ) -> Self {
        Self { metadata, rating, answers }
    }

    /// One movie.
    pub async fn get(&self, id: &RecordId, deadline: Instant) -> Result<Shared<MovieDetails>, Error> {
        match &self.answers {
            Some(answers) => answers.get_or(id, self.ask(id, deadline)).await,
            None => self.ask(id, deadline).await.map(Into::into),
        }
    }

    /// Asks both services at once; a movie that does not exist waits for no rating.
    async fn ask(&self, id: &RecordId, deadline: Instant) -> Result<MovieDetails, Error> {
        let record = Record { record_type: RecordType::movie(), record_id: id.clone() };
        let metadata = async {
            let found = self.metadata.get(id, deadline).await?;
            found.ok_or_else(|| Error::NotFound(id.clone()))
        };
        let rating = async { Ok(self.rating.aggregate(&record, deadline).await) };
        let (metadata, rating) = tokio::try_join!(metadata, rating)?;
        Ok(match rating {
            Ok(rating) => MovieDetails { metadata, rating, partial: Vec::new() },
            Err(error) => without_rating(metadata, &error),
        })
    }

    /// The movies of `ids`, at most 500 and none twice, in their order; missing ones are left out.
    pub async fn batch_get(&self, ids: &[RecordId], deadline: Instant) -> Result<Vec<MovieDetails>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ratings = async { Ok(self.ratings(ids, deadline).await) };
        let (metadata, ratings) = tokio::try_join!(self.metadata.batch_get(ids, deadline), ratings)?;
        Ok(join(metadata, ratings))
    }

    /// One page of the movies that `query` finds, best match first; all by id where it is empty.
    pub async fn search(
        &self,
        query: &str,
        page: &Request,
        deadline: Instant,
    ) -> Result<Page<MovieDetails>, Error> {
        let found = self.metadata.search(query, page, deadline).await?;
        let ids: Vec<RecordId> = found.items.iter().map(|metadata| metadata.id.clone()).collect();
        let ratings = if ids.is_empty() { Ok(Vec::new()) } else { self.ratings(&ids, deadline).await };
        Ok(Page { items: join(found.items, ratings), next: found.next })
    }

    /// One page of the movies with at least `min_count` ratings, by weighted mean; those without metadata
    /// are skipped, so that a page may hold fewer than it could.
    pub async fn top(
        &self,
        min_count: MinCount,
        page: &Request,
        deadline: Instant,
    ) -> Result<Page<MovieDetails>, Error> {
        let top = self.rating.top(&RecordType::movie(), min_count, page, deadline).await?;
        let ids: Vec<RecordId> =
            top.items.iter().map(|aggregate| aggregate.record.record_id.clone()).collect();
        let metadata =
            if ids.is_empty() { Vec::new() } else { self.metadata.batch_get(&ids, deadline).await? };
        Ok(Page { items: join(metadata, Ok(top.items)), next: top.next })
    }

    async fn ratings(&self, ids: &[RecordId], deadline: Instant) -> Result<Vec<Aggregate>, gateway::Error> {
        self.rating.batch(&RecordType::movie(), ids, deadline).await
    }
}

fn join(metadata: Vec<Metadata>, ratings: Result<Vec<Aggregate>, gateway::Error>) -> Vec<MovieDetails> {
    match ratings {
        Ok(ratings) => {
            let mut ratings: HashMap<RecordId, Aggregate> = ratings
                .into_iter()
                .map(|aggregate| (aggregate.record.record_id.clone(), aggregate))
                .collect();
            let whole = |metadata: Metadata| {
                let rating = ratings.remove(&metadata.id);
                MovieDetails { metadata, rating, partial: Vec::new() }
            };
            metadata.into_iter().map(whole).collect()
        }
        Err(error) => metadata.into_iter().map(|metadata| without_rating(metadata, &error)).collect(),
    }
}

fn without_rating(metadata: Metadata, error: &gateway::Error) -> MovieDetails {
    tracing::debug!(%error, id = %metadata.id, "answering without ratings");
    MovieDetails { metadata, rating: None, partial: vec![Part::Rating] }
}
