//! A fresh store of each kind, and access to its database without the store.

use metadata::batch::Put;
use metadata::controller::Controller;
use metadata::repository::{Repository, cached, memory, postgres, sqlite};
use metadata::writer::Writer;
use model::{Metadata, RecordId};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use std::error::Error;
use std::ops::Deref;
use std::sync::Arc;
use storage::sqlite::Synchronous;
use storage::testing::{self, Database, File};

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Memory,
    Sqlite,
    Postgres,
}

/// A kind of store, with or without a cache in front of it.
#[derive(Clone, Copy)]
pub(crate) struct Backend {
    pub(crate) kind: Kind,
    pub(crate) cached: bool,
}

impl Backend {
    pub(crate) fn name(self) -> &'static str {
        match (self.kind, self.cached) {
            (Kind::Memory, false) => "memory",
            (Kind::Memory, true) => "cached_memory",
            (Kind::Sqlite, false) => "sqlite",
            (Kind::Sqlite, true) => "cached_sqlite",
            (Kind::Postgres, false) => "postgres",
            (Kind::Postgres, true) => "cached_postgres",
        }
    }

    /// Checks that this machine has what the kind needs; the error is the reason why not.
    pub(crate) fn available(self) -> Result<(), String> {
        match self.kind {
            Kind::Memory | Kind::Sqlite => Ok(()),
            Kind::Postgres => testing::server().map(|_| ()),
        }
    }
}

/// An open store with the writer in front of it, as an instance of the service has them.
#[derive(Clone)]
pub(crate) struct Instance {
    repository: Arc<dyn Repository>,
    writer: Arc<Writer>,
}

impl Instance {
    fn of(repository: Arc<dyn Repository>) -> Self {
        Self { writer: Arc::new(Writer::start(Arc::clone(&repository))), repository }
    }

    pub(crate) async fn batch_put(&self, batch: &[Metadata]) -> Result<Vec<Put>, storage::Error> {
        self.writer.batch_put(batch.to_vec()).await
    }

    /// Returns the calls of the service on this store.
    pub(crate) fn controller(&self) -> Controller {
        Controller::new(Arc::clone(&self.repository), Arc::clone(&self.writer))
    }

    pub(crate) async fn delete(&self, id: &RecordId) -> Result<bool, storage::Error> {
        self.writer.delete(id.clone()).await
    }

    pub(crate) async fn close(&self) {
        self.writer.close().await;
        self.repository.close().await;
    }
}

impl Deref for Instance {
    type Target = dyn Repository;

    fn deref(&self) -> &Self::Target {
        &*self.repository
    }
}

/// An open store and where it keeps its data.
pub(crate) struct Store {
    pub(crate) repository: Instance,
    cached: bool,
    place: Place,
}

enum Place {
    Memory,
    Sqlite(File),
    Postgres(Box<Database>),
}

impl Place {
    async fn open(&self, cached: bool) -> Result<Instance, storage::Error> {
        let store: Arc<dyn Repository> = match self {
            Self::Memory => Arc::new(memory::Repository::default()),
            Self::Sqlite(file) => {
                Arc::new(sqlite::Repository::open(&file.path(), Synchronous::Normal).await?)
            }
            Self::Postgres(database) => Arc::new(postgres::Repository::open(&database.options()).await?),
        };
        Ok(Instance::of(if cached { Arc::new(cached::Repository::new(store)) } else { store }))
    }
}

impl Store {
    pub(crate) async fn open(backend: Backend) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let place = match backend.kind {
            Kind::Memory => Place::Memory,
            Kind::Sqlite => Place::Sqlite(File::new()?),
            Kind::Postgres => Place::Postgres(Box::new(Database::create(&testing::server()?).await?)),
        };
        let cached = backend.cached;
        Ok(Self { repository: place.open(cached).await?, cached, place })
    }

    /// Returns the store as another instance of the service sees it, if several can share it; otherwise this one.
    pub(crate) async fn instance(&self) -> Result<Instance, storage::Error> {
        match &self.place {
            Place::Postgres(_) if !self.cached => self.place.open(false).await,
            _ => Ok(self.repository.clone()),
        }
    }

    /// Returns the database by its name in traces.
    pub(crate) fn system(&self) -> &'static str {
        match self.place {
            Place::Memory => "memory",
            Place::Sqlite(_) => "sqlite",
            Place::Postgres(_) => "postgresql",
        }
    }

    /// Closes the store and opens it again.
    pub(crate) async fn reopened(self) -> Result<Self, storage::Error> {
        self.repository.close().await;
        drop(self.repository);
        Ok(Self { repository: self.place.open(self.cached).await?, ..self })
    }

    /// Runs the statement for the store's database without the store.
    pub(crate) async fn execute(&self, sqlite: &str, postgres: &str) -> Result<(), sqlx::Error> {
        match &self.place {
            Place::Memory => Ok(()),
            Place::Sqlite(file) => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file.path());
                let mut connection = options.connect().await?;
                sqlx::raw_sql(AssertSqlSafe(sqlite)).execute(&mut connection).await?;
                connection.close().await
            }
            Place::Postgres(database) => {
                let options = database.options().options([("search_path", "metadata")]);
                let mut connection = options.connect().await?;
                sqlx::raw_sql(AssertSqlSafe(postgres)).execute(&mut connection).await?;
                connection.close().await
            }
        }
    }

    /// Reads pairs of text and number from the store's database without the store.
    pub(crate) async fn pairs(&self, select: &'static str) -> Result<Vec<(String, i64)>, sqlx::Error> {
        match &self.place {
            Place::Memory => Ok(Vec::new()),
            Place::Sqlite(file) => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file.path());
                sqlx::query_as(select).fetch_all(&mut options.connect().await?).await
            }
            Place::Postgres(database) => {
                let options = database.options().options([("search_path", "metadata")]);
                sqlx::query_as(select).fetch_all(&mut options.connect().await?).await
            }
        }
    }
}
