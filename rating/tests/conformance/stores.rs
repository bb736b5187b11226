//! The stores under test, each on a fresh database that is gone afterwards.

use rating::repository::{Repository, memory, postgres, sqlite};
use std::sync::Arc;
use storage::sqlite::Synchronous;
use storage::testing;

/// A kind of store.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Backend {
    Memory,
    Sqlite,
    Postgres,
}

impl Backend {
    pub(crate) const ALL: [Self; 3] = [Self::Memory, Self::Sqlite, Self::Postgres];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }

    /// Why this kind can't be tested here, if so.
    pub(crate) fn missing(self) -> Option<String> {
        match self {
            Self::Memory | Self::Sqlite => None,
            Self::Postgres => testing::server().err(),
        }
    }
}

/// Stores that share one database, as instances of the service do.
pub(crate) struct Stores {
    pub(crate) instances: Vec<Arc<dyn Repository>>,
    /// How many writes each task of a random run makes: fewer where a commit is slow.
    pub(crate) steps: usize,
    _database: Option<Database>,
}

/// Keeps the database until the test is over.
#[expect(dead_code, reason = "held for its drop")]
enum Database {
    Sqlite(testing::File),
    Postgres(Box<testing::Database>),
}

impl Stores {
    pub(crate) async fn open(backend: Backend) -> Self {
        match backend {
            Backend::Memory => {
                Self { instances: vec![Arc::new(memory::Repository::new())], steps: 400, _database: None }
            }
            Backend::Sqlite => {
                let file = testing::File::new().unwrap();
                let store = sqlite::Repository::open(&file.path(), Synchronous::Normal).await.unwrap();
                let database = Some(Database::Sqlite(file));
                Self { instances: vec![Arc::new(store)], steps: 200, _database: database }
            }
            Backend::Postgres => {
                let database = testing::Database::create(&testing::server().unwrap()).await.unwrap();
                let mut instances: Vec<Arc<dyn Repository>> = Vec::new();
                for _ in 0..2 {
                    let lanes = postgres::LANES;
                    let store = postgres::Repository::open(&database.options(), lanes).await.unwrap();
                    instances.push(Arc::new(store));
                }
                Self { instances, steps: 100, _database: Some(Database::Postgres(Box::new(database))) }
            }
        }
    }

    pub(crate) fn first(&self) -> &dyn Repository {
        &*self.instances[0]
    }
}
