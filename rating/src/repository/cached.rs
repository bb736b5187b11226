//! A cache of aggregates in front of a store, read by id. It is exact if this process alone writes to the store;
//! otherwise an entry is used for a limited time.

use super::{Batches, Error, Ratings, Repository as Store, TopRated, UserRatings};
use crate::batch::{Batch, Outcome};
use async_trait::async_trait;
use cache::Cache;
use foldhash::HashSet;
use meter::Sampler;
use model::{Aggregate, Prior, Rating, Record, RecordId, RecordType, UserId};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The capacity, in bytes.
const BYTES: u64 = 16 * 1024 * 1024;

/// The attribute of a request's span: `hit`, `miss`, or `partial` if some records are cached.
const CACHE: &str = "marquee.cache";

/// A store whose aggregates are cached, also that a record has none.
#[derive(Debug)]
pub struct Repository {
    store: Arc<dyn Store>,
    aggregates: Cache<Record, Option<Arc<Aggregate>>>,
}

impl Repository {
    /// Caches what is read from `store` for at most `max_age`. Without `max_age`, all writes to the store must go
    /// through this cache.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, max_age: Option<Duration>) -> Self {
        Self { store, aggregates: Cache::new(BYTES, max_age, weigh) }
    }
}

/// Returns the size of an entry in bytes.
fn weigh(record: &Record, aggregate: &Option<Arc<Aggregate>>) -> usize {
    let names = record.record_type.as_str().len() + record.record_id.as_str().len();
    let value = aggregate.as_ref().map_or(0, |_| size_of::<Aggregate>() + names);
    size_of::<Record>() + names + value
}

#[async_trait]
impl Ratings for Repository {
    async fn get_aggregate(&self, record: &Record) -> Result<Option<Arc<Aggregate>>, Error> {
        let mut cache = "hit";
        let read = || {
            cache = "miss";
            self.store.get_aggregate(record)
        };
        let aggregate = self.aggregates.get_or_read(record, read).await;
        trace::annotate(CACHE, cache);
        aggregate
    }

    async fn batch_get_aggregates(
        &self,
        record_type: &RecordType,
        ids: &[RecordId],
    ) -> Result<Vec<Arc<Aggregate>>, Error> {
        let record = |id: &RecordId| Record { record_type: record_type.clone(), record_id: id.clone() };
        let mut cache = "hit";
        let read = |missing: Vec<Record>| {
            cache = if missing.len() == ids.len() { "miss" } else { "partial" };
            async move {
                let ids: Vec<RecordId> = missing.into_iter().map(|record| record.record_id).collect();
                self.store.batch_get_aggregates(record_type, &ids).await
            }
        };
        let records: Vec<Record> = ids.iter().map(record).collect();
        let aggregates =
            self.aggregates.get_or_read_found(&records, read, |aggregate| &aggregate.record).await;
        trace::annotate(CACHE, cache);
        aggregates
    }

    async fn get_rating(&self, record: &Record, user: &UserId) -> Result<Option<Rating>, Error> {
        self.store.get_rating(record, user).await
    }

    async fn list_user_ratings(&self, list: UserRatings<'_>) -> Result<Vec<Rating>, Error> {
        self.store.list_user_ratings(list).await
    }

    async fn list_top_rated(&self, list: TopRated<'_>) -> Result<Vec<Aggregate>, Error> {
        self.store.list_top_rated(list).await
    }

    fn sample(&self, to: &mut Sampler<'_>) -> fmt::Result {
        cache::sample(to, [("aggregates", self.aggregates.statistics())])?;
        self.store.sample(to)
    }
}

#[async_trait]
impl Batches for Repository {
    fn lanes(&self) -> usize {
        self.store.lanes()
    }

    async fn apply(&self, lane: usize, batch: &Batch) -> Result<Vec<Outcome>, Error> {
        let applied = self.store.apply(lane, batch).await;
        // Also after an error: the connection may have been lost after the commit.
        let written: HashSet<&Record> = batch.writes.iter().map(|write| write.record()).collect();
        written.into_iter().for_each(|record| self.aggregates.wrote(record));
        applied
    }

    async fn set_prior(&self, prior: Prior) -> Result<(), Error> {
        let set = self.store.set_prior(prior).await;
        self.aggregates.wrote_all();
        set
    }
}
