//! Opening SQLite files.

use crate::{FIRST, Outcome, SECOND};
use fault::{Fault, Kind};
use sqlx::{AssertSqlSafe, SqliteExecutor};
use std::fs;
use std::path::Path;
use std::time::Duration;
use storage::sqlite::{self, BEGIN, Readers, Synchronous};
use storage::testing::File;
use storage::{Error, Migration, migrate};

pub(crate) async fn folder_and_file_are_created() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a/b c%20/films.db");
    let sqlite = sqlite::open(&path, Synchronous::Full).await?;
    migrate(&sqlite.writer, &[FIRST]).await?;
    assert!(path.exists());
    Ok(())
}

pub(crate) async fn second_open_reports_file_and_owner() -> Outcome {
    let file = File::new()?;
    let _held = sqlite::open(&file.path(), Synchronous::Full).await?;
    let link = file.path().with_file_name("link.db");
    std::os::unix::fs::symlink(file.path(), &link)?;
    for path in [file.path(), link] {
        let error = sqlite::open(&path, Synchronous::Full).await.unwrap_err().to_string();
        assert!(error.contains("test.db"), "{error}");
        assert!(error.contains(&format!("this process ({})", std::process::id())), "{error}");
    }
    Ok(())
}

pub(crate) async fn owner_in_another_process_is_reported() -> Outcome {
    let file = File::new()?;
    let lock = file.path().with_file_name("test.db.lock");
    fs::write(&lock, "4711\n")?;
    let held = fs::File::open(&lock)?;
    held.try_lock()?;
    let error = sqlite::open(&file.path(), Synchronous::Full).await.unwrap_err().to_string();
    assert!(error.contains("in use by process 4711"), "{error}");
    Ok(())
}

pub(crate) async fn closed_file_can_be_opened_again() -> Outcome {
    let file = File::new()?;
    let sqlite = sqlite::open(&file.path(), Synchronous::Full).await?;
    migrate(&sqlite.writer, &[FIRST]).await?;
    sqlx::query("INSERT INTO film VALUES (1)").execute(&sqlite.writer).await?;
    sqlite.close().await;
    assert!(!file.path().with_file_name("test.db-wal").exists(), "the log was not folded into the file");
    drop(sqlite);
    let sqlite = sqlite::open(&file.path(), Synchronous::Full).await?;
    migrate(&sqlite.writer, &[FIRST, SECOND]).await?;
    assert_eq!(count(&sqlite.readers).await?, 1);
    Ok(())
}

pub(crate) async fn concurrent_writers_never_find_database_busy() -> Outcome {
    let file = File::new()?;
    let sqlite = sqlite::open(&file.path(), Synchronous::Normal).await?;
    migrate(&sqlite.writer, &[FIRST]).await?;
    let writers: Vec<_> = (0..64)
        .map(|_| {
            let sqlite = sqlite.clone();
            tokio::spawn(async move {
                for _ in 0..10 {
                    let mut transaction = sqlite.writer.begin_with(BEGIN).await?;
                    let read: i64 =
                        sqlx::query_scalar("SELECT count(*) FROM film").fetch_one(&mut *transaction).await?;
                    sqlx::query("INSERT INTO film VALUES ($1)").bind(read).execute(&mut *transaction).await?;
                    transaction.commit().await?;
                    count(&sqlite.readers).await?;
                }
                Ok::<_, sqlx::Error>(())
            })
        })
        .collect();
    for writer in writers {
        writer.await??;
    }
    assert_eq!(count(&sqlite.readers).await?, 640);
    Ok(())
}

pub(crate) async fn dropped_write_leaves_nothing() -> Outcome {
    let file = File::new()?;
    let sqlite = sqlite::open(&file.path(), Synchronous::Full).await?;
    migrate(&sqlite.writer, &[FIRST]).await?;
    for wait in 0..40 {
        let write = async {
            let mut transaction = sqlite.writer.begin_with(BEGIN).await?;
            sqlx::query("INSERT INTO film VALUES (1)").execute(&mut *transaction).await?;
            std::future::pending::<Result<(), sqlx::Error>>().await
        };
        let cut = tokio::time::timeout(Duration::from_micros(wait * 25), write).await;
        assert!(cut.is_err(), "{cut:?}");
    }
    let transaction = sqlite.writer.begin_with(BEGIN).await?;
    assert_eq!(count(&sqlite.readers).await?, 0);
    transaction.commit().await?;
    Ok(())
}

pub(crate) async fn every_connection_has_busy_timeout_sync_and_wal() -> Outcome {
    for (synchronous, expected) in [(Synchronous::Full, 2), (Synchronous::Normal, 1)] {
        let file = File::new()?;
        let sqlite = sqlite::open(&file.path(), synchronous).await?;
        let settings = [settings(&sqlite.writer).await?, settings(&sqlite.readers).await?];
        for (mode, busy, found) in settings {
            assert_eq!((mode.as_str(), busy, found), ("wal", 10_000, expected));
        }
        let write = sqlx::query("CREATE TABLE x (y)").execute(&sqlite.readers).await;
        assert!(write.is_err(), "a reader has written");
    }
    Ok(())
}

pub(crate) async fn invalid_database_file_is_an_error() -> Outcome {
    let file = File::new()?;
    fs::write(file.path(), "x".repeat(4096))?;
    let error = sqlite::open(&file.path(), Synchronous::Full).await.unwrap_err();
    assert!(matches!(&error, Error::Open { database, .. } if database.ends_with("test.db")), "{error:?}");
    let error = sqlite::open(Path::new("/proc/none/films.db"), Synchronous::Full).await.unwrap_err();
    assert_eq!(error.to_string(), "can't prepare /proc/none");
    Ok(())
}

pub(crate) async fn newer_database_is_rejected() -> Outcome {
    let file = File::new()?;
    let sqlite = sqlite::open(&file.path(), Synchronous::Full).await?;
    migrate(&sqlite.writer, &[FIRST, SECOND]).await?;
    let error = migrate(&sqlite.writer, &[FIRST]).await.unwrap_err();
    assert!(matches!(error, Error::Newer(2)), "{error:?}");
    Ok(())
}

pub(crate) async fn changed_migration_is_rejected() -> Outcome {
    let file = File::new()?;
    let sqlite = sqlite::open(&file.path(), Synchronous::Full).await?;
    migrate(&sqlite.writer, &[FIRST]).await?;
    let changed = Migration { sql: "CREATE TABLE film (id TEXT)", ..FIRST };
    let error = migrate(&sqlite.writer, &[changed]).await.unwrap_err();
    assert!(matches!(error, Error::Migration(_)), "{error:?}");
    Ok(())
}

pub(crate) async fn full_disk_is_reported_and_recovers() -> Outcome {
    let file = File::new()?;
    let sqlite = sqlite::open(&file.path(), Synchronous::Full).await?;
    migrate(&sqlite.writer, &[FIRST]).await?;
    let pages = |most: i64| format!("PRAGMA max_page_count = {most}");
    let grow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) \
                INSERT INTO film SELECT i FROM n";
    sqlx::query(AssertSqlSafe(pages(1))).execute(&sqlite.writer).await?;
    let mut transaction = sqlite.writer.begin_with(BEGIN).await?;
    let full = Error::from(sqlx::query(grow).execute(&mut *transaction).await.unwrap_err());
    drop(transaction);
    assert!(matches!(full, Error::Full(_)), "{full:?}");
    assert_eq!(full.kind(), Kind::Unavailable);
    assert_eq!(count(&sqlite.readers).await?, 0);
    let mut transaction = sqlite.writer.begin_with(BEGIN).await?;
    sqlx::query(AssertSqlSafe(pages(1 << 20))).execute(&mut *transaction).await?;
    sqlx::query(grow).execute(&mut *transaction).await?;
    transaction.commit().await?;
    let missing = Error::from(sqlx::query("SELECT * FROM none").execute(&sqlite.readers).await.unwrap_err());
    assert!(matches!(missing, Error::Unmigrated(_)), "{missing:?}");
    let denied = Error::from(sqlx::query("DELETE FROM film").execute(&sqlite.readers).await.unwrap_err());
    assert!(matches!(denied, Error::Denied(_)), "{denied:?}");
    Ok(())
}

async fn settings<'c>(pool: impl SqliteExecutor<'c> + Copy) -> Result<(String, i64, i64), sqlx::Error> {
    let mode = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(pool).await?;
    let busy = sqlx::query_scalar("PRAGMA busy_timeout").fetch_one(pool).await?;
    let synchronous = sqlx::query_scalar("PRAGMA synchronous").fetch_one(pool).await?;
    Ok((mode, busy, synchronous))
}

async fn count(pool: &Readers) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT count(*) FROM film").fetch_one(pool).await
}
