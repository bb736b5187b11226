//! Startup on a server that is silent, busy or unsuitable.

use crate::{Outcome, config, until_locked};
use service::chain;
use sqlx::ConnectOptions;
use sqlx::migrate::Migrate;
use std::time::Duration;
use storage::testing::{self, Database, Silent};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Starts the service on `url`, and stops it once `reached` completes.
async fn stop_at(url: &str, reached: impl Future<Output = ()>) -> Outcome {
    let stop = CancellationToken::new();
    let running = tokio::spawn(metadata::run(config(url), None, stop.clone()));
    timeout(Duration::from_secs(20), reached).await?;
    assert!(!running.is_finished());
    stop.cancel();
    Ok(timeout(Duration::from_secs(2), running).await???)
}

pub(crate) async fn start_on_silent_server_can_be_stopped(_: Database) -> Outcome {
    let silent = Silent::start().await?;
    stop_at(&silent.url(), silent.accepted()).await
}

pub(crate) async fn start_while_another_instance_migrates_can_be_stopped(database: Database) -> Outcome {
    let mut other = database.options().connect().await?;
    other.lock().await?;
    stop_at(&database.text(), async { until_locked(&database, "advisory").await.unwrap() }).await
}

pub(crate) async fn latin1_database_is_rejected(_: Database) -> Outcome {
    let parameters = "TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'";
    let database = Database::create_with(&testing::server()?, parameters).await?;
    let error = metadata::run(config(&database.text()), None, CancellationToken::new()).await.unwrap_err();
    let text = chain(&error);
    assert!(text.contains("server_encoding must be UTF8, not LATIN1"), "{text}");
    Ok(())
}
