//! The store of metadata: the trait, and one module per implementation.

pub mod cached;
pub mod memory;
pub mod postgres;
mod reindex;
mod row;
pub mod sqlite;

use crate::batch::{Outcome, Write};
use async_trait::async_trait;
use meter::Sampler;
use model::search::{Query, Rank};
use model::{Metadata, RecordId};
use std::fmt;
use std::sync::Arc;
use storage::Error;

/// A store of metadata.
///
/// Each change, deletions included, takes the next revision of one counter; changes become visible in the order of
/// their revisions. Ids are ordered byte by byte.
#[async_trait]
pub trait Repository: Send + Sync {
    /// Returns the record `id`.
    async fn get(&self, id: &RecordId) -> Result<Option<Arc<Metadata>>, Error>;

    /// Returns the records with `ids`, which are distinct, in their order; missing ones are omitted.
    async fn batch_get(&self, ids: &[RecordId]) -> Result<Vec<Arc<Metadata>>, Error>;

    /// Applies `writes` in one transaction, as if one after the other, and returns one outcome per write. A put that
    /// equals the stored state keeps its revision. Must not be cancelled: only the writer calls it.
    async fn apply(&self, writes: &[Write]) -> Result<Vec<Outcome>, Error>;

    /// Returns at most `limit` records, ordered by id, those after `after`.
    async fn list(&self, after: Option<&RecordId>, limit: usize) -> Result<Vec<Arc<Metadata>>, Error>;

    /// Returns the ranks of at most `limit` records whose titles match `query`, in order, those after `after`. A query
    /// without a word matches nothing.
    async fn search_ranks(
        &self,
        query: &Query,
        after: Option<&Rank>,
        limit: usize,
    ) -> Result<Vec<Rank>, Error>;

    /// Returns at most `limit` records whose titles match `query`, with their ranks, in order, those after `after`. If
    /// a match is deleted before its record is read, the next match is read instead, so that the page is full.
    async fn search(
        &self,
        query: &Query,
        after: Option<&Rank>,
        limit: usize,
    ) -> Result<Vec<(Arc<Metadata>, Rank)>, Error> {
        let (mut found, mut last) = (Vec::new(), after.cloned());
        loop {
            let wanted = limit - found.len();
            let ranks = self.search_ranks(query, last.as_ref(), wanted).await?;
            let ids: Result<Vec<_>, _> = ranks.iter().map(|rank| RecordId::new(rank.id())).collect();
            let ids = ids.map_err(|broken| Error::row("metadata", broken.at("id")))?;
            let mut records = self.batch_get(&ids).await?.into_iter().peekable();
            let is_last_page = ranks.len() < wanted;
            last = ranks.last().cloned();
            found.extend(ranks.into_iter().filter_map(|rank| {
                records.next_if(|record| record.id.as_str() == rank.id()).map(|record| (record, rank))
            }));
            if is_last_page || found.len() == limit {
                return Ok(found);
            }
        }
    }

    /// Returns the words similar to `word`, which is correctable, in the titles, as [`similar`](model::search::similar)
    /// does. They may include words of titles that have been replaced or deleted.
    async fn similar_words(&self, word: &str) -> Result<Vec<String>, Error>;

    /// Checks that the store can be read.
    async fn ready(&self) -> Result<(), Error>;

    /// Encodes the metrics of the store, if it has any.
    ///
    /// # Errors
    ///
    /// Those of the encoder.
    fn sample(&self, _to: &mut Sampler<'_>) -> fmt::Result {
        Ok(())
    }

    /// Closes the store; later calls fail.
    async fn close(&self);
}
