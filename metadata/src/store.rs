//! The choice of the store: which implementation a database URL means.

use crate::repository::{Repository, cached, memory, postgres, sqlite};
use std::sync::Arc;
use storage::{Config, Error, Url};

/// Opens the store that `config` names and brings its tables up to date.
pub(crate) async fn open(config: &Config) -> Result<Arc<dyn Repository>, Error> {
    Ok(match &config.database {
        Url::Memory => Arc::new(memory::Repository::default()),
        // Only this process writes to the file, so that a cache can be exact. Other instances write to PostgreSQL:
        // nothing that is read from there is kept.
        Url::Sqlite(path) => {
            let store = sqlite::Repository::open(path, config.sqlite_synchronous).await?;
            Arc::new(cached::Repository::new(Arc::new(store)))
        }
        Url::Postgres(options) => Arc::new(postgres::Repository::open(options).await?),
    })
}
