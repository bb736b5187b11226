//! A store with the aggregates that are read from it kept in memory: for good where nobody else writes to it,
//! else for a time.

use super::{AfterRating, AfterTop, Error, Repository as Store};
use crate::batch::{Batch, Outcome, Position};
use async_trait::async_trait;
use cache::{Cache, Shared};
use foldhash::HashSet;
use model::{Aggregate, Prior, Rating, Record, RecordId, RecordType, UserId};
use std::sync::Arc;
use std::time::Duration;

/// How many bytes of aggregates are kept.
const BYTES: u64 = 16 * 1024 * 1024;

/// How many bytes of an aggregate's JSON and encoding are not its names.
const NUMBERS: usize = 448;

/// Answers aggregates that it has read before without asking the store again; that there is none counts as
/// well.
#[derive(Debug)]
pub struct Repository {
    store: Arc<dyn Store>,
    kept: Cache<Record, Option<Shared<Aggregate>>>,
}

impl Repository {
    /// Keeps what is read from `store`: for `max_age`, without which nobody may write to it but through this.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, max_age: Option<Duration>) -> Self {
        Self { store, kept: Cache::new(BYTES, max_age, weigh) }
    }
}

/// How many bytes an entry takes.
fn weigh(record: &Record, aggregate: &Option<Shared<Aggregate>>) -> usize {
    // The names stand in the key, in what was read and in its JSON and encoding, which may be written at any time.
    let names = record.record_type.as_str().len() + record.record_id.as_str().len();
    let found = if aggregate.is_some() { size_of::<Aggregate>() + NUMBERS } else { 0 };
    size_of::<Record>() + 4 * names + found
}

#[async_trait]
impl Store for Repository {
    fn lanes(&self) -> usize {
        self.store.lanes()
    }

    async fn apply(&self, lane: usize, batch: &Batch) -> Result<Vec<Outcome>, Error> {
        let applied = self.store.apply(lane, batch).await;
        // After an error too: the connection may have been lost when the transaction was committed already.
        let written: HashSet<&Record> = batch.writes.iter().map(|write| write.record()).collect();
        written.into_iter().for_each(|record| self.kept.wrote(record));
        applied
    }

    async fn aggregate(&self, record: &Record) -> Result<Option<Shared<Aggregate>>, Error> {
        self.kept.get_or_read(record, || self.store.aggregate(record)).await
    }

    async fn aggregates(
        &self,
        record_type: &RecordType,
        ids: &[RecordId],
    ) -> Result<Vec<Shared<Aggregate>>, Error> {
        let record = |id: &RecordId| Record { record_type: record_type.clone(), record_id: id.clone() };
        let read = |missing: Vec<Record>| async move {
            let ids: Vec<RecordId> = missing.into_iter().map(|record| record.record_id).collect();
            self.store.aggregates(record_type, &ids).await
        };
        let records: Vec<Record> = ids.iter().map(record).collect();
        self.kept.get_or_read_found(&records, read, |row| &row.record).await
    }

    async fn rating(&self, record: &Record, user: &UserId) -> Result<Option<Rating>, Error> {
        self.store.rating(record, user).await
    }

    async fn ratings(
        &self,
        user: &UserId,
        record_type: Option<&RecordType>,
        after: Option<&AfterRating>,
        limit: usize,
    ) -> Result<Vec<Rating>, Error> {
        self.store.ratings(user, record_type, after, limit).await
    }

    async fn top(
        &self,
        record_type: &RecordType,
        min_count: u64,
        after: Option<&AfterTop>,
        limit: usize,
    ) -> Result<Vec<Aggregate>, Error> {
        self.store.top(record_type, min_count, after, limit).await
    }

    async fn positions(&self, cluster: &str, topic: &str) -> Result<Vec<(i32, Position)>, Error> {
        self.store.positions(cluster, topic).await
    }

    async fn clusters(&self, topic: &str) -> Result<Vec<String>, Error> {
        self.store.clusters(topic).await
    }

    async fn forget_positions(&self, topic: &str) -> Result<(), Error> {
        self.store.forget_positions(topic).await
    }

    async fn set_prior(&self, prior: Prior) -> Result<(), Error> {
        let set = self.store.set_prior(prior).await;
        self.kept.wrote_all();
        set
    }

    async fn ready(&self) -> Result<(), Error> {
        self.store.ready().await
    }

    async fn close(&self) {
        self.store.close().await;
    }
}
