//! A cache in front of a store that only this process writes to. Records are kept until they are written.
//!
//! Search results and similar words are kept under the number of transactions that had ended when the search began. A transaction raises
//! that number before its writers get their replies, so that no later search returns older results; those are evicted.

use super::Repository as Store;
use crate::batch::{Outcome, Write};
use async_trait::async_trait;
use cache::Cache;
use meter::Sampler;
use model::search::{Query, Rank};
use model::{Metadata, RecordId};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use storage::Error;

/// The bytes of records that are kept: some 25,000 movies with a sentence each. SQLite itself leaves no room for much
/// more within 64 MiB.
const RECORD_BYTES: u64 = 12 * 1024 * 1024;

/// The bytes of search results that are kept: some 1,400 pages of 50.
const SEARCH_BYTES: u64 = 4 * 1024 * 1024;

/// The bytes of similar words that are kept: some 5,000 misspelt words.
const SIMILAR_BYTES: u64 = 1024 * 1024;

/// The bytes that a record's allocations take beyond its texts: the counters of the `Arc`, and rounding.
const ALLOCATIONS: usize = 96;

/// The attribute of a request's span: `hit`, `miss`, or `partial` if some records are cached.
const CACHE: &str = "marquee.cache";

/// Identifies a page of search results: the number of transactions that had ended, the key of the query, the rank
/// before the page, and the limit.
type Page = (u64, String, Option<Rank>, usize);

/// A store with a cache in front of it.
pub struct Repository {
    store: Arc<dyn Store>,
    records: Cache<RecordId, Option<Arc<Metadata>>>,
    searches: Cache<Page, Arc<[Rank]>>,
    similar: Cache<(u64, String), Arc<[String]>>,
    transactions: AtomicU64,
}

impl Repository {
    /// Wraps `store`, which must be written to through this value only.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            records: Cache::new(RECORD_BYTES, None, weigh_record),
            searches: Cache::new(SEARCH_BYTES, None, weigh_search),
            similar: Cache::new(SIMILAR_BYTES, None, weigh_similar),
            transactions: AtomicU64::new(0),
        }
    }
}

/// Returns how many bytes an entry takes: the key with its id, and the record with its id and texts.
fn weigh_record(id: &RecordId, record: &Option<Arc<Metadata>>) -> usize {
    let id_bytes = id.as_str().len();
    let record = record
        .as_ref()
        .map_or(0, |record| size_of::<Metadata>() + id_bytes + record.text_bytes() + ALLOCATIONS);
    size_of::<RecordId>() + id_bytes + record
}

/// Returns how many bytes an entry takes: the key with its query and rank, and the ranks with their ids.
fn weigh_search((_, query, after, _): &Page, ranks: &Arc<[Rank]>) -> usize {
    let ids = ranks
        .iter()
        .chain(after)
        .map(|rank| size_of::<Rank>() + rank.id().len().next_multiple_of(16))
        .sum::<usize>();
    size_of::<Page>() + query.len() + ids
}

/// Returns how many bytes an entry takes.
fn weigh_similar((_, word): &(u64, String), similar: &Arc<[String]>) -> usize {
    let texts =
        similar.iter().map(|word| size_of::<String>() + word.len().next_multiple_of(16)).sum::<usize>();
    size_of::<(u64, String)>() + word.len() + ALLOCATIONS + texts
}

#[async_trait]
impl Store for Repository {
    async fn get(&self, id: &RecordId) -> Result<Option<Arc<Metadata>>, Error> {
        let mut cache = "hit";
        let read = || {
            cache = "miss";
            self.store.get(id)
        };
        let record = self.records.get_or_read(id, read).await;
        trace::annotate(CACHE, cache);
        record
    }

    async fn batch_get(&self, ids: &[RecordId]) -> Result<Vec<Arc<Metadata>>, Error> {
        let mut cache = "hit";
        let read = |missing: Vec<RecordId>| {
            cache = if missing.len() == ids.len() { "miss" } else { "partial" };
            async move { self.store.batch_get(&missing).await }
        };
        let records = self.records.get_or_read_found(ids, read, |record| &record.id).await;
        trace::annotate(CACHE, cache);
        records
    }

    async fn apply(&self, writes: &[Write]) -> Result<Vec<Outcome>, Error> {
        let outcomes = self.store.apply(writes).await;
        // After an error too: the connection may have failed after the commit.
        let ids: BTreeSet<&RecordId> = writes.iter().flat_map(Write::ids).collect();
        ids.into_iter().for_each(|id| self.records.wrote(id));
        self.transactions.fetch_add(1, Ordering::SeqCst);
        outcomes
    }

    async fn list(&self, after: Option<&RecordId>, limit: usize) -> Result<Vec<Arc<Metadata>>, Error> {
        self.store.list(after, limit).await
    }

    async fn search_ranks(
        &self,
        query: &Query,
        after: Option<&Rank>,
        limit: usize,
    ) -> Result<Vec<Rank>, Error> {
        let page = (self.transactions.load(Ordering::SeqCst), query.key(), after.cloned(), limit);
        let mut cache = "hit";
        let read = || {
            cache = "miss";
            async { self.store.search_ranks(query, after, limit).await.map(Arc::from) }
        };
        let ranks = self.searches.get_or_read(&page, read).await?.to_vec();
        trace::annotate("marquee.cache.search", cache);
        Ok(ranks)
    }

    async fn similar_words(&self, word: &str) -> Result<Vec<String>, Error> {
        let key = (self.transactions.load(Ordering::SeqCst), word.to_owned());
        let read = || async { self.store.similar_words(word).await.map(Arc::from) };
        Ok(self.similar.get_or_read(&key, read).await?.to_vec())
    }

    async fn ready(&self) -> Result<(), Error> {
        self.store.ready().await
    }

    fn sample(&self, to: &mut Sampler<'_>) -> fmt::Result {
        let caches = [
            ("records", self.records.statistics()),
            ("searches", self.searches.statistics()),
            ("similar_words", self.similar.statistics()),
        ];
        cache::sample(to, caches)?;
        self.store.sample(to)
    }

    async fn close(&self) {
        self.store.close().await;
    }
}

#[cfg(test)]
mod tests;
