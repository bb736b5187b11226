//! Where metadata is kept: what a store must do, the three that do it, and what is kept of them in memory.

pub mod cached;
mod change;
mod group;
pub mod memory;
pub mod postgres;
mod row;
pub mod sqlite;

use async_trait::async_trait;
use cache::Shared;
use model::search::{Query, Rank};
use model::{Metadata, RecordId};
use std::sync::Arc;
use storage::{Config, Error, Url};

/// A record as a store has it.
pub type Stored = Shared<Metadata>;

/// What a put has stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Put {
    /// The stored state, with its revision.
    pub metadata: Stored,
    /// Whether there was nothing with this id before.
    pub created: bool,
}

/// A store of metadata.
///
/// Each change, a delete as well, takes the next revision of one counter; changes become visible in the order
/// of their revisions. Ids are ordered byte by byte.
#[async_trait]
pub trait Repository: Send + Sync {
    /// Returns what is stored under `id`.
    async fn get(&self, id: &RecordId) -> Result<Option<Stored>, Error>;

    /// Returns what is stored under `ids`, no id twice, in their order; missing ones are left out.
    async fn batch_get(&self, ids: &[RecordId]) -> Result<Vec<Stored>, Error>;

    /// Stores all of `batch`, in which no id stands twice, or nothing, and returns what is stored now, in its
    /// order. The revisions of `batch` are ignored; what equals the stored state keeps its revision.
    async fn batch_put(&self, batch: &[Metadata]) -> Result<Vec<Put>, Error>;

    /// Deletes what is stored under `id`; false where there was nothing.
    async fn delete(&self, id: &RecordId) -> Result<bool, Error>;

    /// Returns at most `limit` records by id, those after `after`.
    async fn list(&self, after: Option<&RecordId>, limit: usize) -> Result<Vec<Stored>, Error>;

    /// Returns at most `limit` records whose titles match `query` in the order of their ranks, those after
    /// `after`. A query without a word matches nothing.
    async fn search(
        &self,
        query: &Query,
        after: Option<&Rank>,
        limit: usize,
    ) -> Result<Vec<(Stored, Rank)>, Error>;

    /// Tells whether the store can be reached.
    async fn ready(&self) -> Result<(), Error>;

    /// Gives the store up, in good order; calls fail from then on.
    async fn close(&self);
}

/// Opens the store that `config` names, its tables up to date.
pub async fn open(config: &Config) -> Result<Arc<dyn Repository>, Error> {
    Ok(match &config.database {
        Url::Memory => Arc::new(memory::Repository::default()),
        // The file is this process's alone: what is read from it stays true until it is written here. Other
        // instances write to PostgreSQL, so that nothing read from there is kept.
        Url::Sqlite(path) => {
            let store = sqlite::Repository::open(path, config.sqlite_synchronous).await?;
            Arc::new(cached::Repository::open(Arc::new(store)).await?)
        }
        Url::Postgres(options) => Arc::new(postgres::Repository::open(options).await?),
    })
}
