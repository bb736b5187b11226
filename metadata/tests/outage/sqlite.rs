//! A SQLite file that another process has locked for writing.

use crate::Outcome;
use crate::writes::movie;
use fault::{Fault, Kind};
use metadata::controller::{Controller, Error};
use metadata::repository::{Repository, sqlite};
use metadata::writer::Writer;
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use std::sync::Arc;
use std::time::{Duration, Instant};
use storage::sqlite::Synchronous;
use storage::testing::File;

pub(crate) async fn blocked_sqlite_makes_service_unready() -> Outcome {
    let file = File::new()?;
    let repository = Arc::new(sqlite::Repository::open(&file.path(), Synchronous::Normal).await?);
    let mut other = SqliteConnectOptions::new().filename(file.path()).connect().await?;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await?;
    let writer = Arc::new(Writer::start(repository.clone()));
    let service = Controller::new(repository.clone(), writer.clone());
    let put = tokio::spawn({
        let service = service.clone();
        async move { service.put(movie("a", "A")).await }
    });
    let began = Instant::now();
    let error = loop {
        if let Err(error) = service.ready().await {
            break error;
        }
        assert!(began.elapsed() < Duration::from_secs(9), "the service is still ready");
    };
    assert!(
        matches!(error, Error::Storage(storage::Error::Stalled(_))) && error.kind() == Kind::Unavailable,
        "{error:?}"
    );
    assert!(repository.get(&movie("a", "A").id).await?.is_none());
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await?;
    put.await??;
    service.ready().await?;
    writer.close().await;
    repository.close().await;
    Ok(())
}
