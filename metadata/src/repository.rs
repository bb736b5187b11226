//! The store of metadata: the trait, and one module per implementation.

pub mod cached;
pub mod memory;
pub mod postgres;
mod row;
pub mod sqlite;

use crate::batch::{Outcome, Write};
use async_trait::async_trait;
use model::search::{Query, Rank};
use model::{Metadata, RecordId};
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
    /// equals the stored state keeps its revision. Must not be cancelled: the [writer](crate::writer) calls it.
    async fn apply(&self, writes: &[Write]) -> Result<Vec<Outcome>, Error>;

    /// Returns at most `limit` records, ordered by id, those after `after`.
    async fn list(&self, after: Option<&RecordId>, limit: usize) -> Result<Vec<Arc<Metadata>>, Error>;

    /// Returns at most `limit` records whose titles match `query`, ordered by rank, those after `after`. A query
    /// without a word matches nothing.
    async fn search(
        &self,
        query: &Query,
        after: Option<&Rank>,
        limit: usize,
    ) -> Result<Vec<(Arc<Metadata>, Rank)>, Error>;

    /// Checks that the store can be read.
    async fn ready(&self) -> Result<(), Error>;

    /// Closes the store; later calls fail.
    async fn close(&self);
}
