//! Databases for tests, created empty and deleted afterwards.

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

/// The variable with the URL of a PostgreSQL server (15 or newer) whose role may create databases.
pub const SERVER: &str = "MARQUEE_TEST_POSTGRES";

/// Returns the server of [`SERVER`], or the reason why tests that need one are ignored.
pub fn server() -> Result<String, String> {
    env::var(SERVER).map_err(|_| format!("{SERVER} is not set to a PostgreSQL server"))
}

/// An empty SQLite file in its own folder.
#[derive(Debug)]
pub struct File {
    folder: TempDir,
}

impl File {
    /// Creates the folder, but not the file.
    pub fn new() -> io::Result<Self> {
        tempfile::tempdir().map(|folder| Self { folder })
    }

    /// Returns the file's path.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("test.db")
    }

    /// Returns the path as a URL.
    #[must_use]
    pub fn url(&self) -> Url {
        Url::Sqlite(self.path())
    }
}

/// An empty PostgreSQL database.
#[derive(Debug)]
pub struct Database {
    server: PgConnectOptions,
    name: String,
}

impl Database {
    /// Creates a database on the server with the URL `server`. Its collation is English, so that a
    /// query which depends on the database's order instead of byte order fails its test.
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

    /// Runs `ALTER DATABASE` on it, which affects new connections.
    pub async fn alter(&self, change: &str) -> Result<(), sqlx::Error> {
        execute(&self.server, format!("ALTER DATABASE {} {change}", self.name)).await
    }

    /// Returns its connect options.
    #[must_use]
    pub fn options(&self) -> PgConnectOptions {
        self.server.clone().database(&self.name)
    }

    /// Returns its URL.
    #[must_use]
    pub fn url(&self) -> Url {
        Url::Postgres(Box::new(self.options()))
    }

    /// Returns its URL with the password as text, for another process.
    #[must_use]
    pub fn text(&self) -> String {
        self.options().to_url_lossy().to_string()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, drop) = (self.server.clone(), format!("DROP DATABASE {} WITH (FORCE)", self.name));
        // On a separate thread, because a test's runtime can't block.
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
