//! A store that nobody else writes to, with what is read from it kept in memory.

mod index;
#[cfg(test)]
mod tests;
mod titles;

use super::Repository as Store;
use crate::batch::{Outcome, Write};
use async_trait::async_trait;
use cache::Cache;
use index::Index;
use model::search::{Query, Rank};
use model::{Metadata, RecordId};
use std::collections::BTreeSet;
use std::sync::Arc;
use storage::Error;

/// How many bytes of metadata are kept: some 15,000 films with a sentence each. What SQLite itself holds leaves
/// no room for much more within 64 MiB.
const BYTES: u64 = 12 * 1024 * 1024;

/// The bytes that a record's allocations take beyond its texts: the counters of the `Arc`, and rounding.
const ALLOCATIONS: usize = 96;

/// Answers by id what it has read before without asking the store again; that there is nothing counts as well.
/// Searches titles in memory, as long as they are few enough.
pub struct Repository {
    store: Arc<dyn Store>,
    kept: Cache<RecordId, Option<Arc<Metadata>>>,
    index: Index,
}

impl Repository {
    /// Keeps what is read from `store`, to which nobody writes but through this.
    pub async fn open(store: Arc<dyn Store>) -> Result<Self, Error> {
        let index = Index::read(Arc::clone(&store)).await?;
        Ok(Self { store, kept: Cache::new(BYTES, None, weigh), index })
    }
}

/// Returns how many bytes an entry takes: the key with its id, and the record with its id and texts.
fn weigh(id: &RecordId, record: &Option<Arc<Metadata>>) -> usize {
    let id_bytes = id.as_str().len();
    let record = record
        .as_ref()
        .map_or(0, |record| size_of::<Metadata>() + id_bytes + record.text_bytes() + ALLOCATIONS);
    size_of::<RecordId>() + id_bytes + record
}

#[async_trait]
impl Store for Repository {
    async fn get(&self, id: &RecordId) -> Result<Option<Arc<Metadata>>, Error> {
        self.kept.get_or_read(id, || self.store.get(id)).await
    }

    async fn batch_get(&self, ids: &[RecordId]) -> Result<Vec<Arc<Metadata>>, Error> {
        let read = |missing: Vec<RecordId>| async move { self.store.batch_get(&missing).await };
        self.kept.get_or_read_found(ids, read, |film| &film.id).await
    }

    async fn apply(&self, writes: &[Write]) -> Result<Vec<Outcome>, Error> {
        let outcomes = self.store.apply(writes).await;
        // After an error too: the connection may have failed after the commit.
        let ids: BTreeSet<RecordId> = writes.iter().flat_map(Write::ids).cloned().collect();
        ids.iter().for_each(|id| self.kept.wrote(id));
        self.index.wrote(&Vec::from_iter(ids)).await;
        outcomes
    }

    async fn list(&self, after: Option<&RecordId>, limit: usize) -> Result<Vec<Arc<Metadata>>, Error> {
        self.store.list(after, limit).await
    }

    async fn search(
        &self,
        query: &Query,
        after: Option<&Rank>,
        limit: usize,
    ) -> Result<Vec<(Arc<Metadata>, Rank)>, Error> {
        let (mut found, mut last) = (Vec::new(), after.cloned());
        loop {
            let wanted = limit - found.len();
            let Some(ranked) = self.index.search(query, last.as_ref(), wanted) else {
                return self.store.search(query, after, limit).await;
            };
            let ids: Vec<RecordId> = ranked.iter().map(|(id, _)| id.clone()).collect();
            let mut records = self.batch_get(&ids).await?.into_iter().peekable();
            let all = ranked.len() < wanted;
            last = ranked.last().map(|(_, rank)| rank.clone());
            // Those that have been deleted since they were found are left out.
            found.extend(ranked.into_iter().filter_map(|(id, rank)| {
                records.next_if(|record| record.id == id).map(|record| (record, rank))
            }));
            if all || found.len() == limit {
                return Ok(found);
            }
        }
    }

    async fn ready(&self) -> Result<(), Error> {
        self.store.ready().await
    }

    async fn close(&self) {
        self.store.close().await;
    }
}
