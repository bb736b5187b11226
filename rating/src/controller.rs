//! The operations of the service, independent of the protocol: reads from the store, writes through the writer, and
//! turns absence into an error.

use crate::batch::{Outcome, Write};
use crate::repository::{self, AfterRating, AfterTop, Ratings, TopRated, UserRatings};
use crate::writer::{self, Writer};
use fault::{Fault, Invalid, Kind, Violation};
use model::page::{Page, Request, Scope};
use model::{Aggregate, MinCount, Rating, Record, RecordId, RecordType, UserId};
use std::sync::Arc;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Nobody has rated the record.
    #[error("{} {} has no ratings", .0.record_type, .0.record_id)]
    NoRatings(Record),
    /// The user has not rated the record.
    #[error("user {user} has not rated {} {}", record.record_type, record.record_id)]
    NoRating {
        /// The record.
        record: Record,
        /// The user.
        user: UserId,
    },
    /// The store could not be read.
    #[error(transparent)]
    Storage(#[from] repository::Error),
    /// The write was not made.
    #[error(transparent)]
    Write(#[from] writer::Error),
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Invalid(_) => Kind::InvalidArgument,
            Self::NoRatings(_) | Self::NoRating { .. } => Kind::NotFound,
            Self::Storage(error) => error.kind(),
            Self::Write(writer::Error::Storage(error)) => error.kind(),
            Self::Write(writer::Error::Stopped | writer::Error::Fenced(_)) => Kind::Unavailable,
        }
    }

    fn violations(&self) -> &[Violation] {
        match self {
            Self::Invalid(invalid) => invalid.violations(),
            _ => &[],
        }
    }
}

/// Executes requests. Clones share the store and the writer.
#[derive(Clone, Debug)]
pub struct Controller {
    ratings: Arc<dyn Ratings>,
    writer: Writer,
}

impl Controller {
    /// Returns a controller that reads from `ratings` and writes through `writer`.
    #[must_use]
    pub const fn new(ratings: Arc<dyn Ratings>, writer: Writer) -> Self {
        Self { ratings, writer }
    }

    /// Returns the aggregate of `record`, which must have a rating.
    pub async fn get_aggregate(&self, record: Record) -> Result<Arc<Aggregate>, Error> {
        self.ratings.get_aggregate(&record).await?.ok_or(Error::NoRatings(record))
    }

    /// Returns the aggregates of at most 500 records of one type, in the order of `ids`, which must not contain
    /// duplicates. Records without a rating are left out.
    pub async fn batch_get_aggregates(
        &self,
        record_type: &RecordType,
        ids: &[RecordId],
    ) -> Result<Vec<Arc<Aggregate>>, Error> {
        model::check_batch(ids.len()).map_err(|broken| broken.at("record_ids"))?;
        Ok(self.ratings.batch_get_aggregates(record_type, ids).await?)
    }

    /// Stores `rating`, replacing the user's earlier one. Returns it, and true if there was no earlier one.
    pub async fn put_rating(&self, rating: Rating) -> Result<(Rating, bool), Error> {
        let outcome = self.writer.write(Write::Put(rating.clone())).await?;
        Ok((rating, outcome == Outcome::Created))
    }

    /// Returns the user's rating of `record`, which must exist.
    pub async fn get_rating(&self, record: Record, user: UserId) -> Result<Rating, Error> {
        let found = self.ratings.get_rating(&record, &user).await?;
        found.ok_or(Error::NoRating { record, user })
    }

    /// Deletes the user's rating of `record`, which must exist.
    pub async fn delete_rating(&self, record: Record, user: UserId) -> Result<(), Error> {
        let write = Write::Delete { record: record.clone(), user_id: user.clone() };
        match self.writer.write(write).await? {
            Outcome::Absent => Err(Error::NoRating { record, user }),
            _ => Ok(()),
        }
    }

    /// Lists the user's ratings of one type or of all, newest first.
    pub async fn list_user_ratings(
        &self,
        user: &UserId,
        record_type: Option<&RecordType>,
        request: &Request,
    ) -> Result<Page<Rating>, Error> {
        let scope = ["ratings", user.as_str(), record_type.map_or("", RecordType::as_str)];
        let scope = Scope(&scope);
        let after: Option<AfterRating> = scope.after(request).map_err(|broken| broken.at("page_token"))?;
        let (after, limit) = (after.as_ref(), request.size.get() + 1);
        let rows = self.ratings.list_user_ratings(UserRatings { user, record_type, after, limit }).await?;
        Ok(Page::of(rows, request.size, &scope, AfterRating::of).map_err(|broken| broken.at("page_token"))?)
    }

    /// Lists the records of a type with at least `min_count` ratings, by descending weighted mean.
    pub async fn list_top_rated(
        &self,
        record_type: &RecordType,
        min_count: MinCount,
        request: &Request,
    ) -> Result<Page<Aggregate>, Error> {
        let count = min_count.get().to_string();
        let scope = ["top", record_type.as_str(), &count];
        let scope = Scope(&scope);
        let after: Option<AfterTop> = scope.after(request).map_err(|broken| broken.at("page_token"))?;
        let (after, min_count, limit) = (after.as_ref(), min_count.get(), request.size.get() + 1);
        let rows = self.ratings.list_top_rated(TopRated { record_type, min_count, after, limit }).await?;
        Ok(Page::of(rows, request.size, &scope, AfterTop::of).map_err(|broken| broken.at("page_token"))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::memory;
    use model::page::Size;
    use model::{Timestamp, Value};
    use tokio_util::sync::CancellationToken;

    fn controller() -> Controller {
        let repository = Arc::new(memory::Repository::new());
        let writer = Writer::start(repository.clone(), &CancellationToken::new());
        Controller::new(repository, writer)
    }

    fn record(id: &str) -> Record {
        Record { record_type: RecordType::movie(), record_id: RecordId::new(id).unwrap() }
    }

    fn ann() -> UserId {
        UserId::new("ann").unwrap()
    }

    fn rating(id: &str, value: i64) -> Rating {
        Rating {
            record: record(id),
            user_id: ann(),
            value: Value::new(value).unwrap(),
            provider_id: None,
            rated_at: Timestamp::from_millis(value).unwrap(),
        }
    }

    #[tokio::test]
    async fn put_returns_whether_rating_is_first() {
        let controller = controller();
        assert_eq!(controller.put_rating(rating("1", 5)).await.unwrap(), (rating("1", 5), true));
        assert_eq!(controller.put_rating(rating("1", 6)).await.unwrap(), (rating("1", 6), false));
        assert_eq!(controller.get_rating(record("1"), ann()).await.unwrap(), rating("1", 6));
        assert_eq!(controller.get_aggregate(record("1")).await.unwrap().histogram.sum(), 6);
    }

    #[tokio::test]
    async fn missing_rating_is_not_found() {
        let controller = controller();
        controller.put_rating(rating("1", 5)).await.unwrap();
        controller.delete_rating(record("1"), ann()).await.unwrap();
        let errors = [
            controller.delete_rating(record("1"), ann()).await.unwrap_err(),
            controller.get_rating(record("1"), ann()).await.unwrap_err(),
            controller.get_aggregate(record("1")).await.unwrap_err(),
        ];
        assert!(errors.iter().all(|error| error.kind() == Kind::NotFound), "{errors:?}");
    }

    #[tokio::test]
    async fn page_token_belongs_to_one_list() {
        let controller = controller();
        for (id, value) in [("a", 3), ("b", 9), ("c", 6)] {
            controller.put_rating(rating(id, value)).await.unwrap();
        }
        let mut request = Request { size: Size::new(2).unwrap(), token: None };
        let one = MinCount::new(1).unwrap();
        let first = controller.list_top_rated(&RecordType::movie(), one, &request).await.unwrap();
        request.token = first.next;
        let second = controller.list_top_rated(&RecordType::movie(), one, &request).await.unwrap();
        let ids: Vec<&str> =
            first.items.iter().chain(&second.items).map(|row| row.record.record_id.as_str()).collect();
        assert_eq!((ids, second.next), (vec!["b", "c", "a"], None));

        let ratings = controller.list_user_ratings(&ann(), None, &request).await.unwrap_err();
        let minimum = MinCount::default();
        let top = controller.list_top_rated(&RecordType::movie(), minimum, &request).await.unwrap_err();
        for refused in [ratings, top] {
            assert_eq!(refused.violations()[0].field, "page_token");
        }
    }

    #[tokio::test]
    async fn batch_of_501_is_rejected() {
        let ids = vec![RecordId::new("1").unwrap(); 501];
        let error = controller().batch_get_aggregates(&RecordType::movie(), &ids).await.unwrap_err();
        assert_eq!(error.violations()[0].field, "record_ids");
    }
}
