//! A fresh store of each kind, and the way past its interface to its database.

use metadata::repository::{self, Repository};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use std::error::Error;
use std::sync::Arc;
use storage::sqlite::Synchronous;
use storage::testing::{self, Database, File};
use storage::{Config, Url};

/// A kind of store.
#[derive(Clone, Copy)]
pub(crate) enum Backend {
    Memory,
    Sqlite,
    Postgres,
}

impl Backend {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }

    /// Whether this machine has what the kind needs; the reason where it has not.
    pub(crate) fn available(self) -> Result<(), String> {
        match self {
            Self::Memory | Self::Sqlite => Ok(()),
            Self::Postgres => testing::server().map(|_| ()),
        }
    }
}

/// An open store and where it keeps its data.
pub(crate) struct Store {
    pub(crate) repository: Arc<dyn Repository>,
    place: Place,
}

enum Place {
    Memory,
    Sqlite(File),
    Postgres(Box<Database>),
}

impl Place {
    fn url(&self) -> Url {
        match self {
            Self::Memory => Url::Memory,
            Self::Sqlite(file) => file.url(),
            Self::Postgres(database) => database.url(),
        }
    }

    async fn open(&self) -> Result<Arc<dyn Repository>, storage::Error> {
        let config = Config { database: self.url(), sqlite_synchronous: Synchronous::Normal };
        repository::open(&config).await
    }
}

impl Store {
    pub(crate) async fn open(backend: Backend) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let place = match backend {
            Backend::Memory => Place::Memory,
            Backend::Sqlite => Place::Sqlite(File::new()?),
            Backend::Postgres => Place::Postgres(Box::new(Database::create(&testing::server()?).await?)),
        };
        Ok(Self { repository: place.open().await?, place })
    }

    /// The same store as another instance of the service sees it, where several may share one.
    pub(crate) async fn instance(&self) -> Result<Arc<dyn Repository>, storage::Error> {
        match &self.place {
            Place::Postgres(_) => self.place.open().await,
            Place::Memory | Place::Sqlite(_) => Ok(self.repository.clone()),
        }
    }

    /// Closes the store and opens it again.
    pub(crate) async fn reopened(self) -> Result<Self, storage::Error> {
        self.repository.close().await;
        drop(self.repository);
        Ok(Self { repository: self.place.open().await?, place: self.place })
    }

    /// Runs a statement written for the store's database, behind its back.
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

    /// Reads pairs of text and number, behind the store's back.
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
