//! SQLite: a file owned by one process, with one connection for writes and several for reads.

use crate::sqlite::lock::Lock;
use crate::{Error, PoolStatistics};
use clap::ValueEnum;
use meter::Sampler;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, SqlitePool};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

mod connection;
mod lock;
mod metrics;

pub use connection::{BEGIN, Connection, Readers, Transaction};

const READERS: u32 = 4;
/// The writer's page cache, in negative KiB as SQLite requires: most of the pages that a large batch changes should
/// fit, or SQLite writes pages before the commit and reads them again.
const WRITER_CACHE: &str = "-12288";
/// The page size of a new file in bytes: smaller pages (4 KiB) make the same changes write, and cache, more.
const PAGE: u32 = 8_192;
/// 64 MiB of write-ahead log, in pages, so that a page changed by many commits is written to the file once.
const LOG: &str = "8000";
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// When a commit returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Synchronous {
    /// After it is on disk
    Full,
    /// Earlier: a power failure may lose the last commits, but never corrupts the file
    Normal,
}

/// An open file. It stays locked until the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Sqlite {
    /// The only connection for writes. Callers queue for it, so that the database is never busy.
    pub writer: SqlitePool,
    /// The connections for reads; they see what was committed before their statement started.
    pub readers: Readers,
    path: PathBuf,
    /// Excludes other processes.
    _lock: Arc<Lock>,
}

impl Sqlite {
    /// Returns the connections for reads.
    #[must_use]
    pub fn reader_statistics(&self) -> PoolStatistics {
        (&self.readers.0).into()
    }

    /// Returns the connections for writes.
    #[must_use]
    pub fn writer_statistics(&self) -> PoolStatistics {
        (&self.writer).into()
    }

    /// Encodes the metrics of the file and of the disk.
    ///
    /// # Errors
    ///
    /// Those of the encoder.
    pub fn sample_files(&self, to: &mut Sampler<'_>) -> fmt::Result {
        metrics::sample(&self.path, to)
    }

    /// Closes all connections, the writer's last, so that the log is checkpointed into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Opens and locks the file `path`; creates it and its folder if missing.
pub async fn open(path: &Path, synchronous: Synchronous) -> Result<Sqlite, Error> {
    let path = resolve(path)?;
    let lock = Arc::new(Lock::take(&path)?);
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true)
        .page_size(PAGE)
        .busy_timeout(BUSY_TIMEOUT)
        .synchronous(match synchronous {
            Synchronous::Full => SqliteSynchronous::Full,
            Synchronous::Normal => SqliteSynchronous::Normal,
        })
        // Rows are passed one by one from the connection's thread; with a small buffer the two would wait for each
        // other.
        .row_buffer_size(1_024)
        // Otherwise the undo data of a statement with many rows is written to a file.
        .pragma("temp_store", "memory")
        .pragma("wal_autocheckpoint", LOG);
    // Connections to a file neither age nor break: the pools keep them and do not check them before use.
    let pool = || SqlitePoolOptions::new().idle_timeout(None).max_lifetime(None).test_before_acquire(false);
    let failed = |source| Error::Open { database: path.display().to_string(), source };
    let writer = pool()
        .max_connections(1)
        // If the disk is full, SQLite ends the transaction itself; sqlx does not notice, and could begin no further
        // one on that connection.
        .before_acquire(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }))
        .connect_with(options.clone().journal_mode(SqliteJournalMode::Wal).pragma("cache_size", WRITER_CACHE))
        .await
        .map_err(failed)?;
    let readers = pool()
        .max_connections(READERS)
        .min_connections(READERS)
        .connect_with(options.read_only(true).create_if_missing(false))
        .await
        .map_err(failed)?;
    Ok(Sqlite { writer, readers: Readers(readers), path, _lock: lock })
}

/// Returns the file's canonical path, so that all links to it share one lock; creates its folder.
fn resolve(path: &Path) -> Result<PathBuf, Error> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let failed = |at: &Path| {
        let path = at.display().to_string();
        move |source| Error::File { path, source }
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    if path.exists() {
        return path.canonicalize().map_err(failed(path));
    }
    let folder = folder.canonicalize().map_err(failed(folder))?;
    Ok(path.file_name().map_or_else(|| folder.clone(), |name| folder.join(name)))
}
