//! A SQLite file that takes no writes.

use crate::Outcome;
use crate::writes::film;
use fault::{Fault, Kind};
use metadata::repository::{Repository, sqlite};
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use std::sync::Arc;
use std::time::{Duration, Instant};
use storage::Error;
use storage::sqlite::Synchronous;
use storage::testing::File;

pub(crate) async fn sqlite_that_makes_no_write_makes_the_service_unready() -> Outcome {
    let file = File::new()?;
    let repository = Arc::new(sqlite::Repository::open(&file.path(), Synchronous::Normal).await?);
    let mut other = SqliteConnectOptions::new().filename(file.path()).connect().await?;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await?;
    let put = tokio::spawn({
        let repository = Arc::clone(&repository);
        async move { repository.batch_put(&[film("a", "A")]).await }
    });
    let began = Instant::now();
    let error = loop {
        if let Err(error) = repository.ready().await {
            break error;
        }
        assert!(began.elapsed() < Duration::from_secs(9), "it is ready still");
    };
    assert!(matches!(error, Error::Stalled(_)) && error.kind() == Kind::Unavailable, "{error:?}");
    assert!(repository.get(&film("a", "A").id).await?.is_none());
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await?;
    put.await??;
    repository.ready().await?;
    repository.close().await;
    Ok(())
}
