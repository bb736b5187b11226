//! A repository that fails or dawdles when it is told to.

use async_trait::async_trait;
use model::{Aggregate, Prior, Rating, Record, RecordId, RecordType, UserId};
use rating::batch::{Batch, Outcome, Position};
use rating::repository::{AfterRating, AfterTop, Error, Repository};
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Wraps a repository that works.
#[derive(Debug)]
pub(crate) struct Failing<R> {
    inner: R,
    fails: AtomicBool,
    delay: Mutex<Duration>,
}

impl<R> Failing<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, fails: AtomicBool::new(false), delay: Mutex::new(Duration::ZERO) }
    }

    pub(crate) fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::Release);
    }

    pub(crate) fn delay(&self, delay: Duration) {
        *self.delay.lock().unwrap() = delay;
    }

    async fn check(&self) -> Result<(), Error> {
        let delay = *self.delay.lock().unwrap();
        tokio::time::sleep(delay).await;
        if !self.fails.load(Ordering::Acquire) {
            return Ok(());
        }
        let source = io::Error::other("told to fail");
        Err(Error::Storage(storage::Error::File { path: "nowhere".into(), source }))
    }
}

#[async_trait]
impl<R: Repository> Repository for Failing<R> {
    fn lanes(&self) -> usize {
        self.inner.lanes()
    }

    async fn apply(&self, lane: usize, batch: &Batch) -> Result<Vec<Outcome>, Error> {
        self.check().await?;
        self.inner.apply(lane, batch).await
    }

    async fn aggregate(&self, record: &Record) -> Result<Option<Aggregate>, Error> {
        self.check().await?;
        self.inner.aggregate(record).await
    }

    async fn aggregates(&self, record_type: &RecordType, ids: &[RecordId]) -> Result<Vec<Aggregate>, Error> {
        self.check().await?;
        self.inner.aggregates(record_type, ids).await
    }

    async fn rating(&self, record: &Record, user: &UserId) -> Result<Option<Rating>, Error> {
        self.check().await?;
        self.inner.rating(record, user).await
    }

    async fn ratings(
        &self,
        user: &UserId,
        record_type: Option<&RecordType>,
        after: Option<&AfterRating>,
        limit: usize,
    ) -> Result<Vec<Rating>, Error> {
        self.check().await?;
        self.inner.ratings(user, record_type, after, limit).await
    }

    async fn top(
        &self,
        record_type: &RecordType,
        min_count: u64,
        after: Option<&AfterTop>,
        limit: usize,
    ) -> Result<Vec<Aggregate>, Error> {
        self.check().await?;
        self.inner.top(record_type, min_count, after, limit).await
    }

    async fn positions(&self, cluster: &str, topic: &str) -> Result<Vec<(i32, Position)>, Error> {
        self.check().await?;
        self.inner.positions(cluster, topic).await
    }

    async fn forget_positions(&self, topic: &str) -> Result<(), Error> {
        self.check().await?;
        self.inner.forget_positions(topic).await
    }

    async fn set_prior(&self, prior: Prior) -> Result<(), Error> {
        self.check().await?;
        self.inner.set_prior(prior).await
    }

    async fn ready(&self) -> Result<(), Error> {
        self.check().await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
