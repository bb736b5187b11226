//! The pool when the network to PostgreSQL silently drops packets, or a call ends before its statement.

use crate::Outcome;
use fault::{Fault, Kind};
use sqlx::postgres::PgConnectOptions;
use std::time::{Duration, Instant};
use storage::Error;
use storage::postgres::{self, Pool, READ_TIMEOUT, within};
use storage::testing::Proxy;
use tokio::time::timeout;

async fn pid(pool: &Pool) -> Result<i32, sqlx::Error> {
    sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(pool).await
}

async fn both_work(pool: &Pool) -> Result<(), sqlx::Error> {
    let sleep = || sqlx::query("SELECT pg_sleep(0.05)").execute(pool);
    tokio::try_join!(sleep(), sleep()).map(|_| ())
}

pub(crate) async fn silent_connections_are_replaced_once_network_recovers(
    options: PgConnectOptions,
) -> Outcome {
    let proxy = Proxy::start(&options).await?;
    let pool = postgres::open(&proxy.options(), "metadata", 2).await?;
    both_work(&pool).await?;

    let began = Instant::now();
    let in_flight = tokio::spawn({
        let pool = pool.clone();
        async move { sqlx::query("SELECT pg_sleep(1)").execute(&pool).await }
    });
    let watching = postgres::open(&options, "metadata", 1).await?;
    let sleeping = "SELECT count(*) FROM pg_stat_activity \
                    WHERE datname = current_database() AND state = 'active' AND query = 'SELECT pg_sleep(1)'";
    while sqlx::query_scalar::<_, i64>(sleeping).fetch_one(&watching).await? == 0 {}
    proxy.swallow();

    for _ in 0..3 {
        let began = Instant::now();
        let error = Error::from(pid(&pool).await.unwrap_err());
        assert_eq!(error.kind(), Kind::Unavailable, "{error:?}");
        assert!(began.elapsed() < Duration::from_secs(2), "it took {:?}", began.elapsed());
    }
    let error = Error::from(in_flight.await?.unwrap_err());
    assert_eq!(error.kind(), Kind::Unavailable, "{error:?}");
    assert!(began.elapsed() < READ_TIMEOUT + Duration::from_secs(3), "it took {:?}", began.elapsed());

    proxy.heal();
    both_work(&pool).await?;

    let held = pool.acquire().await?;
    proxy.swallow();
    let began = Instant::now();
    pool.close().await;
    assert!(began.elapsed() < Duration::from_secs(2), "it took {:?}", began.elapsed());
    drop(held);
    Ok(())
}

pub(crate) async fn cancelled_calls_cost_no_connection(options: PgConnectOptions) -> Outcome {
    let pool = postgres::open(&options, "metadata", 1).await?;
    let before = pid(&pool).await?;
    for _ in 0..20 {
        let cancelled = sqlx::query("SELECT pg_sleep(0.02)").execute(&pool);
        assert!(timeout(Duration::from_millis(5), cancelled).await.is_err());
        assert_eq!(pid(&pool).await?, before);
    }
    Ok(())
}

pub(crate) async fn late_call_is_ended_on_both_sides(options: PgConnectOptions) -> Outcome {
    let pool = postgres::open(&options, "metadata", 1).await?;
    let before = pid(&pool).await?;
    let mut connection = pool.acquire().await?;
    let late = sqlx::query("SELECT pg_sleep(60)").execute(&mut connection);
    let late: Result<_, sqlx::Error> = within(Duration::from_millis(50), late).await;
    let error = Error::from(connection.end(late).unwrap_err());
    assert_eq!(error.kind(), Kind::Unavailable, "{error:?}");
    assert_ne!(pid(&pool).await?, before, "the connection was kept");
    // The server aborts what no client waits for.
    let timeouts: Vec<String> = sqlx::query_scalar(
        "SELECT setting FROM pg_settings WHERE name IN ('statement_timeout', 'lock_timeout') ORDER BY name",
    )
    .fetch_all(&pool)
    .await?;
    assert_eq!(timeouts, ["6000", "120000"]);
    Ok(())
}
