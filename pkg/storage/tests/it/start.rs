//! Opening schemas on servers that do not respond, are busy or unsuitable.

use crate::log::Log;
use crate::{FIRST, Outcome};
use fault::{Fault, Kind};
use sqlx::migrate::Migrate;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use storage::testing::{self, Database, Silent};
use storage::{Error, postgres};
use tokio::time::timeout;

const AGAIN: &str = "the database is not ready: trying again";

/// Runs a case on this thread only, because it captures the thread's log.
fn on_this_thread<T>(paused: bool, case: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(paused).build().unwrap();
        let done = runtime.block_on(case);
        runtime.shutdown_background();
        done
    })
}

/// Polls `opening`, which must not end, until `enough`.
async fn drive<T>(opening: impl Future<Output = T>, enough: impl Fn() -> bool) {
    let mut opening = pin!(opening);
    poll_fn(|context| {
        assert!(opening.as_mut().poll(context).is_pending(), "it has ended");
        if enough() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

pub(crate) async fn silent_server_is_retried_with_one_log_line_per_attempt() -> Outcome {
    on_this_thread(true, async {
        let silent = Silent::start().await?;
        let options: PgConnectOptions = silent.url().parse()?;
        let (log, _guard) = Log::start();
        drive(postgres::open(&options, "metadata", 1), || log.count(AGAIN) >= 3).await;
        assert_eq!(log.count("no response within 4s"), 3);
        Ok(())
    })
}

pub(crate) async fn held_migration_lock_is_awaited_with_one_log_line_per_attempt(
    options: PgConnectOptions,
) -> Outcome {
    on_this_thread(false, async {
        let mut other = options.connect().await?;
        other.lock().await?;
        let pool = postgres::open(&options, "metadata", 1).await?;
        let (log, _guard) = Log::start();
        let mut migrating = pin!(pool.migrate(&[FIRST]));
        drive(migrating.as_mut(), || log.count(AGAIN) >= 1).await;
        assert_eq!(log.count("lock timeout"), 1);
        other.close().await?;
        timeout(Duration::from_secs(20), migrating).await??;
        sqlx::query("SELECT * FROM film").execute(&pool).await?;
        Ok(())
    })
}

pub(crate) async fn encoding_other_than_utf8_is_rejected(_: PgConnectOptions) -> Outcome {
    for encoding in ["LATIN1", "SQL_ASCII"] {
        let parameters = format!("TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'");
        let database = Database::create_with(&testing::server()?, &parameters).await?;
        let error = postgres::open(&database.options(), "metadata", 1).await.unwrap_err();
        assert!(matches!(&error, Error::Encoding(found) if found == encoding), "{error:?}");
        assert!(error.to_string().contains("server_encoding must be UTF8"), "{error}");
        assert_eq!(error.kind(), Kind::Internal);
    }
    Ok(())
}
