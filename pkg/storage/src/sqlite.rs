//! SQLite: a file that belongs to one process, with one connection that writes and several that read.

use crate::Error;
use crate::sqlite::lock::Lock;
use clap::ValueEnum;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, SqlitePool};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

mod lock;

const READERS: u32 = 4;
/// The writer's page cache, in KiB below zero as SQLite wants it: most of what a large batch changes should fit, or
/// SQLite writes pages before the commit and reads them again.
const WRITER_CACHE: &str = "-12288";
/// The size of a new file's pages in bytes: with those of 4 KiB as many changes write, and keep in memory, more.
const PAGE: u32 = 8_192;
/// 64 MiB of log, in pages, so that a page written by many commits goes to the file once.
const LOG: &str = "8000";
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How writing transactions begin (`pool.begin_with(BEGIN)`): a deferred one would read first and then fail
/// where another program has written meanwhile.
pub const BEGIN: &str = "BEGIN IMMEDIATE";

/// When a commit returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Synchronous {
    /// After it is on disk
    Full,
    /// Earlier: a power failure may lose the last commits, but never corrupts the file
    Normal,
}

/// An open file. It stays locked until the last clone is gone.
#[derive(Clone, Debug)]
pub struct Sqlite {
    /// The one connection that writes. Callers queue for it, so that none ever finds the database busy.
    pub writer: SqlitePool,
    /// The connections that read; they see what was committed before their statement began.
    pub readers: SqlitePool,
    /// Keeps other processes away.
    _lock: Arc<Lock>,
}

impl Sqlite {
    /// Closes all connections; the writer's last, so that the log is folded into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Opens the file `path`, which is created together with its folder where it is missing, and locks it.
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
        // Rows cross from the connection's thread one by one; with few on the way the two would wait for each other.
        .row_buffer_size(1_024)
        // What a statement of many rows keeps in order to undo itself goes to a file otherwise.
        .pragma("temp_store", "memory")
        .pragma("wal_autocheckpoint", LOG);
    // A connection to a file neither ages nor breaks: the pools keep theirs and don't try them before use.
    let pool = || SqlitePoolOptions::new().idle_timeout(None).max_lifetime(None).test_before_acquire(false);
    let failed = |source| Error::Open { database: path.display().to_string(), source };
    let writer = pool()
        .max_connections(1)
        // Where the disk is full SQLite ends the transaction itself; sqlx doesn't notice, and would begin none on
        // that connection any more.
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
    Ok(Sqlite { writer, readers, _lock: lock })
}

/// The file's one name whatever links lead to it, so that its lock is one as well; makes its folder.
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
