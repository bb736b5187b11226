//! A repository that fails, dawdles or forgets to answer when it is told to.

use async_trait::async_trait;
use model::{Prior, UserId};
use rating::batch::{Batch, Outcome, Position};
use rating::repository::{Batches, Error, Positions};
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

/// Wraps a repository that works. Reads of ratings go to the inner one.
#[derive(Debug)]
pub(crate) struct Failing<R> {
    pub(crate) inner: R,
    fails: AtomicBool,
    delay: Mutex<Duration>,
    /// How many batches are still applied before all fail.
    left: AtomicU32,
    unanswered: AtomicBool,
    /// Users whose ratings are refused for good.
    refused: Mutex<Vec<UserId>>,
}

impl<R> Failing<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            inner,
            fails: AtomicBool::new(false),
            delay: Mutex::new(Duration::ZERO),
            left: AtomicU32::new(u32::MAX),
            unanswered: AtomicBool::new(false),
            refused: Mutex::default(),
        }
    }

    pub(crate) fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::Release);
    }

    /// Applies so many more batches and then none: what a database holds of a process that dies there.
    pub(crate) fn apply_only(&self, batches: u32) {
        self.left.store(batches, Ordering::Release);
    }

    /// Applies the next batch, but doesn't say so: a connection that is lost during the commit.
    pub(crate) fn leave_unanswered(&self) {
        self.unanswered.store(true, Ordering::Release);
    }

    /// Refuses every batch with a rating of one of these users: a constraint of the database.
    pub(crate) fn refuse(&self, users: &[&str]) {
        *self.refused.lock().unwrap() = users.iter().map(|user| UserId::new(*user).unwrap()).collect();
    }

    fn is_refused(&self, batch: &Batch) -> bool {
        let refused = self.refused.lock().unwrap();
        batch.writes.iter().any(|write| refused.contains(write.user_id()))
    }

    pub(crate) fn delay(&self, delay: Duration) {
        *self.delay.lock().unwrap() = delay;
    }

    async fn check(&self) -> Result<(), Error> {
        let delay = *self.delay.lock().unwrap();
        tokio::time::sleep(delay).await;
        if self.fails.load(Ordering::Acquire) { Err(failed()) } else { Ok(()) }
    }
}

fn failed() -> Error {
    let source = io::Error::other("told to fail");
    Error::Storage(storage::Error::File { path: "nowhere".into(), source })
}

#[async_trait]
impl<R: Batches> Batches for Failing<R> {
    fn lanes(&self) -> usize {
        self.inner.lanes()
    }

    async fn apply(&self, lane: usize, batch: &Batch) -> Result<Vec<Outcome>, Error> {
        self.check().await?;
        if self.is_refused(batch) {
            let source = sqlx::Error::Protocol("told to refuse".to_owned());
            return Err(Error::Storage(storage::Error::Rejected(source)));
        }
        let left = self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1));
        left.map_err(|_| failed())?;
        let outcomes = self.inner.apply(lane, batch).await?;
        if self.unanswered.swap(false, Ordering::AcqRel) { Err(failed()) } else { Ok(outcomes) }
    }

    async fn set_prior(&self, prior: Prior) -> Result<(), Error> {
        self.check().await?;
        self.inner.set_prior(prior).await
    }
}

#[async_trait]
impl<R: Positions> Positions for Failing<R> {
    async fn positions(&self, cluster: &str, topic: &str) -> Result<Vec<(i32, Position)>, Error> {
        self.check().await?;
        self.inner.positions(cluster, topic).await
    }

    async fn clusters(&self, topic: &str) -> Result<Vec<String>, Error> {
        self.check().await?;
        self.inner.clusters(topic).await
    }

    async fn forget_positions(&self, topic: &str) -> Result<(), Error> {
        self.check().await?;
        self.inner.forget_positions(topic).await
    }
}
