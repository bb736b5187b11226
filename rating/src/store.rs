//! Opens the store that the flags select, with a cache in front of it if it is a database.

use crate::repository::{Batches, Ratings, Repository, cached, memory, postgres, sqlite};
use std::sync::Arc;
use std::time::Duration;
use storage::{Config, Error, Url};

/// An open store, by the users of its parts.
#[derive(Clone, Debug)]
pub struct Store {
    /// For the controller: reads, cached if there is a cache.
    pub ratings: Arc<dyn Ratings>,
    /// For the writer: changes, which invalidate the cache.
    pub batches: Arc<dyn Batches>,
    /// The store itself: for ingestion its positions, for the service its state.
    pub repository: Arc<dyn Repository>,
}

impl Store {
    /// A store without a cache.
    #[must_use]
    pub fn uncached(repository: Arc<dyn Repository>) -> Self {
        Self { ratings: repository.clone(), batches: repository.clone(), repository }
    }

    /// A store with a cache of what is read, for at most `max_age`. Without `max_age`, no other process may write
    /// to it.
    #[must_use]
    pub fn cached(repository: Arc<dyn Repository>, max_age: Option<Duration>) -> Self {
        let cached = Arc::new(cached::Repository::new(repository.clone(), max_age));
        Self { ratings: cached.clone(), batches: cached, repository }
    }
}

/// Opens the store that `config` selects and migrates it. Reads from PostgreSQL, which other instances write to as
/// well, are cached for `cache_ttl`; reads from SQLite until the next write.
///
/// # Errors
///
/// If the database cannot be opened or migrated.
pub async fn open(config: &Config, cache_ttl: Duration) -> Result<Store, Error> {
    Ok(match &config.database {
        Url::Memory => Store::uncached(Arc::new(memory::Repository::new())),
        Url::Sqlite(path) => {
            let repository = sqlite::Repository::open(path, config.sqlite_synchronous).await?;
            Store::cached(Arc::new(repository), None)
        }
        Url::Postgres(options) => {
            let repository = Arc::new(postgres::Repository::open(options, postgres::LANES).await?);
            if cache_ttl.is_zero() {
                Store::uncached(repository)
            } else {
                Store::cached(repository, Some(cache_ttl))
            }
        }
    })
}
