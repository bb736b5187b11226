//! Databases for tests, each fresh and gone afterwards.

mod proxy;

pub use proxy::{Proxy, Silent};

use crate::Url;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;
use std::{env, io, process, thread};
use tempfile::TempDir;

/// The variable that holds the URL of a PostgreSQL server (15 or newer) whose role may create databases.
pub const SERVER: &str = "MARQUEE_TEST_POSTGRES";

/// The server that [`SERVER`] names; the reason why tests that need one are ignored, where it names none.
pub fn server() -> Result<String, String> {
    env::var(SERVER).map_err(|_| format!("{SERVER} is not set to a PostgreSQL server"))
}

/// A fresh SQLite file in a folder of its own.
#[derive(Debug)]
pub struct File {
    folder: TempDir,
}

impl File {
    /// Makes the folder, not yet the file.
    pub fn new() -> io::Result<Self> {
        tempfile::tempdir().map(|folder| Self { folder })
    }

    /// The file's path.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("test.db")
    }

    /// The path as a URL.
    #[must_use]
    pub fn url(&self) -> Url {
        Url::Sqlite(self.path())
    }
}

/// A fresh PostgreSQL database.
#[derive(Debug)]
pub struct Database {
    server: PgConnectOptions,
    name: String,
}

impl Database {
    /// Creates a database on the server with the URL `server`. It sorts text as English does, so that a
    /// query which relies on the database's order rather than on bytes shows it.
    pub async fn create(server: &str) -> Result<Self, sqlx::Error> {
        let sorted =
            "TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en' LOCALE 'C.UTF-8'";
        Self::create_with(server, sorted).await
    }

    /// Creates a database on the server with the URL `server`, with the parameters of `CREATE DATABASE`.
    pub async fn create_with(server: &str, parameters: &str) -> Result<Self, sqlx::Error> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{}_{count}", process::id(), now.as_nanos());
        let database = Self { server: server.parse()?, name };
        execute(&database.server, format!("CREATE DATABASE {} {parameters}", database.name)).await?;
        Ok(database)
    }

    /// Runs `ALTER DATABASE` on it, which concerns the connections that are made from now on.
    pub async fn alter(&self, change: &str) -> Result<(), sqlx::Error> {
        execute(&self.server, format!("ALTER DATABASE {} {change}", self.name)).await
    }

    /// How to connect to it.
    #[must_use]
    pub fn options(&self) -> PgConnectOptions {
        self.server.clone().database(&self.name)
    }

    /// The same as a URL.
    #[must_use]
    pub fn url(&self) -> Url {
        Url::Postgres(Box::new(self.options()))
    }

    /// The same as text with its password, for another process.
    #[must_use]
    pub fn text(&self) -> String {
        self.options().to_url_lossy().to_string()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, drop) = (self.server.clone(), format!("DROP DATABASE {} WITH (FORCE)", self.name));
        // A thread of its own, because the test's runtime can't be blocked on from within.
        let dropped = thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(sqlx::Error::Io)?
                .block_on(execute(&server, drop))
        });
        if !matches!(dropped.join(), Ok(Ok(()))) && !thread::panicking() {
            panic!("the database {} could not be dropped", self.name);
        }
    }
}

async fn execute(server: &PgConnectOptions, statement: String) -> Result<(), sqlx::Error> {
    let mut connection = server.connect().await?;
    sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await?;
    connection.close().await
}
