//! The stores under test, each on a fresh database that is gone afterwards.

use rating::repository::{Repository, memory, postgres, sqlite};
use rating::store::Store;
use std::sync::Arc;
use std::time::Duration;
use storage::sqlite::Synchronous;
use storage::testing;

/// For how long what is read from PostgreSQL is kept: short, so that it is read again in the middle of a case.
const MAX_AGE: Duration = Duration::from_millis(20);

/// How many ratings may wait for the table where merging is tested: few, so that every case merges some.
const WAITING: usize = 3;

#[derive(Clone, Copy, Debug)]
enum Kind {
    Memory,
    Sqlite,
    /// SQLite with most ratings in the table and not in the journal.
    Merging,
    Postgres,
}

/// A kind of store, as it is or with a cache before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backend {
    kind: Kind,
    cached: bool,
}

impl Backend {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let kinds = [Kind::Memory, Kind::Sqlite, Kind::Merging, Kind::Postgres];
        kinds.into_iter().flat_map(|kind| [false, true].map(|cached| Self { kind, cached }))
    }

    pub(crate) fn name(self) -> &'static str {
        match (self.kind, self.cached) {
            (Kind::Memory, false) => "memory",
            (Kind::Memory, true) => "cached_memory",
            (Kind::Sqlite, false) => "sqlite",
            (Kind::Sqlite, true) => "cached_sqlite",
            (Kind::Merging, false) => "merging_sqlite",
            (Kind::Merging, true) => "cached_merging_sqlite",
            (Kind::Postgres, false) => "postgres",
            (Kind::Postgres, true) => "cached_postgres",
        }
    }

    /// Why this kind can't be tested here, if so.
    pub(crate) fn missing(self) -> Option<String> {
        match self.kind {
            Kind::Memory | Kind::Sqlite | Kind::Merging => None,
            Kind::Postgres => testing::server().err(),
        }
    }

    /// How long an instance may answer what another one has changed since.
    fn max_age(self) -> Option<Duration> {
        match self.kind {
            Kind::Memory | Kind::Sqlite | Kind::Merging => None,
            Kind::Postgres => self.cached.then_some(MAX_AGE),
        }
    }

    fn instance(self, repository: impl Repository + 'static) -> Store {
        let repository = Arc::new(repository);
        if self.cached { Store::cached(repository, self.max_age()) } else { Store::uncached(repository) }
    }
}

/// Stores that share one database, as instances of the service do.
pub(crate) struct Stores {
    pub(crate) instances: Vec<Store>,
    /// How many writes each task of a random run makes: fewer where a commit is slow.
    pub(crate) steps: usize,
    /// How long an instance may answer what another one has changed since.
    pub(crate) max_age: Duration,
    database: Option<Database>,
}

/// Keeps the database until the test is over.
#[expect(dead_code, reason = "held for its drop")]
enum Database {
    Sqlite(testing::File),
    Postgres(Box<testing::Database>),
}

impl Stores {
    pub(crate) async fn open(backend: Backend) -> Self {
        let max_age = backend.max_age().unwrap_or_default();
        match backend.kind {
            Kind::Memory => {
                let instances = vec![backend.instance(memory::Repository::new())];
                Self { instances, steps: 400, max_age, database: None }
            }
            Kind::Sqlite | Kind::Merging => {
                let file = testing::File::new().unwrap();
                let (path, synchronous) = (file.path(), Synchronous::Normal);
                let store = match backend.kind {
                    Kind::Merging => sqlite::Repository::open_with(&path, synchronous, WAITING).await,
                    _ => sqlite::Repository::open(&path, synchronous).await,
                };
                let store = store.unwrap();
                let (instances, database) = (vec![backend.instance(store)], Some(Database::Sqlite(file)));
                Self { instances, steps: 200, max_age, database }
            }
            Kind::Postgres => {
                let database = testing::Database::create(&testing::server().unwrap()).await.unwrap();
                Self::on_postgres(backend, database).await
            }
        }
    }

    /// Opens two instances on a PostgreSQL database.
    pub(crate) async fn on(database: testing::Database) -> Self {
        let stores = Self::on_postgres(Backend { kind: Kind::Postgres, cached: false }, database).await;
        Self { steps: 20, ..stores }
    }

    async fn on_postgres(backend: Backend, database: testing::Database) -> Self {
        let mut instances = Vec::new();
        for _ in 0..2 {
            let store = postgres::Repository::open(&database.options(), postgres::LANES).await.unwrap();
            instances.push(backend.instance(store));
        }
        let max_age = backend.max_age().unwrap_or_default();
        let database = Some(Database::Postgres(Box::new(database)));
        Self { instances, steps: 100, max_age, database }
    }

    /// Returns the database by its name in traces; `None` in memory.
    pub(crate) fn system(&self) -> Option<&'static str> {
        self.database.as_ref().map(|database| match database {
            Database::Sqlite(_) => "sqlite",
            Database::Postgres(_) => "postgresql",
        })
    }

    pub(crate) fn first(&self) -> &Store {
        &self.instances[0]
    }

    /// Lets as much time go by as an instance may answer what another one has changed since.
    pub(crate) async fn settle(&self) {
        tokio::time::sleep(self.max_age).await;
    }
}
