//! A store that nobody else writes to, with what is read from it kept in memory.

use super::{Put, Repository as Store};
use async_trait::async_trait;
use cache::Cache;
use model::search::{Query, Rank};
use model::{Metadata, RecordId};
use std::panic;
use std::sync::Arc;
use storage::Error;

/// How many bytes of metadata are kept: some 20,000 films with a sentence each. What SQLite itself holds leaves
/// no room for much more within 64 MiB.
const BYTES: u64 = 8 * 1024 * 1024;

/// Answers by id what it has read before without asking the store again; that there is nothing counts as well.
pub struct Repository {
    store: Arc<dyn Store>,
    kept: Arc<Cache<RecordId, Option<Metadata>>>,
}

impl Repository {
    /// Keeps what is read from `store`, to which nobody writes but through this.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, kept: Arc::new(Cache::new(BYTES, None, weigh)) }
    }

    /// Forgets `ids` once `write` has ended, well or not; and that is whatever becomes of the caller: a commit
    /// whose caller has gone away is still a commit.
    async fn write<T: Send + 'static>(
        &self,
        ids: Vec<RecordId>,
        write: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let kept = Arc::clone(&self.kept);
        let writing = tokio::spawn(async move {
            let written = write.await;
            ids.iter().for_each(|id| kept.wrote(id));
            written
        });
        writing.await.unwrap_or_else(|ended| match ended.try_into_panic() {
            Ok(panic) => panic::resume_unwind(panic),
            Err(_) => Err(sqlx::Error::PoolClosed.into()),
        })
    }
}

/// How many bytes an entry takes.
fn weigh(id: &RecordId, metadata: &Option<Metadata>) -> usize {
    let texts = metadata.as_ref().map_or(0, Metadata::text_bytes);
    // The id stands in the key as well as in what was read.
    size_of::<(RecordId, Option<Metadata>)>() + 2 * id.as_str().len() + texts
}

#[async_trait]
impl Store for Repository {
    async fn get(&self, id: &RecordId) -> Result<Option<Metadata>, Error> {
        self.kept.get_or_read(id, || self.store.get(id)).await
    }

    async fn batch_get(&self, ids: &[RecordId]) -> Result<Vec<Metadata>, Error> {
        let read = |missing: Vec<RecordId>| async move { self.store.batch_get(&missing).await };
        self.kept.get_or_read_found(ids.to_vec(), read, |film| &film.id).await
    }

    async fn batch_put(&self, batch: &[Metadata]) -> Result<Vec<Put>, Error> {
        let (store, batch) = (Arc::clone(&self.store), batch.to_vec());
        let ids = batch.iter().map(|put| put.id.clone()).collect();
        self.write(ids, async move { store.batch_put(&batch).await }).await
    }

    async fn delete(&self, id: &RecordId) -> Result<bool, Error> {
        let (store, deleted) = (Arc::clone(&self.store), id.clone());
        self.write(vec![id.clone()], async move { store.delete(&deleted).await }).await
    }

    async fn list(&self, after: Option<&RecordId>, limit: usize) -> Result<Vec<Metadata>, Error> {
        self.store.list(after, limit).await
    }

    async fn search(
        &self,
        query: &Query,
        after: Option<&Rank>,
        limit: usize,
    ) -> Result<Vec<(Metadata, Rank)>, Error> {
        self.store.search(query, after, limit).await
    }

    async fn ready(&self) -> Result<(), Error> {
        self.store.ready().await
    }

    async fn close(&self) {
        self.store.close().await;
    }
}
