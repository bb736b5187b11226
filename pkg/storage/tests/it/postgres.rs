//! Opening PostgreSQL schemas.

use crate::{FIRST, Outcome, SECOND};
use fault::{Fault, Kind};
use prometheus_client::encoding::prometheus_text;
use prometheus_client::registry::Registry;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnectOptions;
use std::sync::Arc;
use std::time::{Duration, Instant};
use storage::{Error, postgres};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

pub(crate) async fn unreachable_server_is_reported() -> Outcome {
    let free = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let options: PgConnectOptions = format!("postgres://me:secret@127.0.0.1:{free}/films").parse()?;
    let error = postgres::open(&options, "metadata", 2).await.unwrap_err();
    assert_eq!(error.to_string(), format!("can't open postgres://127.0.0.1:{free}/films"));
    assert_eq!(error.kind(), Kind::Unavailable);
    Ok(())
}

pub(crate) async fn instances_may_start_at_the_same_time(options: PgConnectOptions) -> Outcome {
    let instances: Vec<_> = (0..8)
        .map(|_| {
            let options = options.clone();
            tokio::spawn(async move {
                let pool = postgres::open(&options, "metadata", 2).await?;
                pool.migrate(&[FIRST, SECOND]).await?;
                pool.close().await;
                Ok::<_, Error>(())
            })
        })
        .collect();
    for instance in instances {
        instance.await??;
    }
    Ok(())
}

pub(crate) async fn services_share_a_database(options: PgConnectOptions) -> Outcome {
    for schema in ["metadata", "rating"] {
        let pool = postgres::open(&options, schema, 2).await?;
        pool.migrate(&[FIRST]).await?;
        let tables: Vec<String> =
            sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = $1 ORDER BY 1")
                .bind(schema)
                .fetch_all(&pool)
                .await?;
        assert_eq!(tables, ["_sqlx_migrations", "film"]);
        pool.close().await;
    }
    Ok(())
}

pub(crate) async fn newer_database_is_rejected(options: PgConnectOptions) -> Outcome {
    let pool = postgres::open(&options, "metadata", 2).await?;
    pool.migrate(&[FIRST, SECOND]).await?;
    let error = pool.migrate(&[FIRST]).await.unwrap_err();
    assert!(matches!(error, Error::Newer(2)), "{error:?}");
    let pool = postgres::open(&options, "metadata", 2).await?;
    pool.migrate(&[FIRST, SECOND]).await?;
    Ok(())
}

/// A server that is gone, or hangs, is reported as unreachable before a request's time limit.
pub(crate) async fn outage_is_reported_in_time(options: PgConnectOptions) -> Outcome {
    for hangs in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let between = options.clone().host("127.0.0.1").port(listener.local_addr()?.port());
        let out = Arc::new(Notify::new());
        let server = format!("{}:{}", options.get_host(), options.get_port());
        let forwarding = tokio::spawn(forward(listener, server, Arc::clone(&out), hangs));
        let pool = postgres::open(&between, "metadata", 1).await?;
        sqlx::query("SELECT 1").execute(&pool).await?;
        out.notify_one();
        if !hangs {
            forwarding.await??;
        }
        let began = Instant::now();
        let error = Error::from(sqlx::query("SELECT 1").execute(&pool).await.unwrap_err());
        assert_eq!(error.kind(), Kind::Unavailable, "{error:?}");
        assert!(began.elapsed() < Duration::from_secs(1), "it took {:?}", began.elapsed());
    }
    Ok(())
}

/// Forwards one connection after the other until `out`, and then stops, or stops responding.
async fn forward(
    listener: TcpListener,
    server: String,
    out: Arc<Notify>,
    hangs: bool,
) -> std::io::Result<()> {
    loop {
        let (mut client, _) = listener.accept().await?;
        let mut server = TcpStream::connect(&server).await?;
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
            () = out.notified() => {
                if hangs {
                    std::future::pending::<()>().await;
                }
                return Ok(());
            }
        }
    }
}

pub(crate) async fn missing_tables_and_denied_permissions_are_distinguished(
    options: PgConnectOptions,
) -> Outcome {
    let pool = postgres::open(&options, "metadata", 1).await?;
    let missing = Error::from(sqlx::query("SELECT * FROM film").execute(&pool).await.unwrap_err());
    assert!(matches!(missing, Error::Unmigrated(_)), "{missing:?}");
    let name = options.get_database().unwrap_or_default();
    let role = format!("guest_{name}");
    sqlx::query(AssertSqlSafe(format!("CREATE ROLE {role}"))).execute(&pool).await?;
    let guest = postgres::open(&options.options([("role", &role)]), "metadata", 1).await?;
    let denied = guest.migrate(&[FIRST]).await.unwrap_err();
    assert!(matches!(denied, Error::Denied(_)), "{denied:?}");
    sqlx::query(AssertSqlSafe(format!("DROP ROLE {role}"))).execute(&pool).await?;
    Ok(())
}

pub(crate) async fn idle_transaction_releases_its_locks(options: PgConnectOptions) -> Outcome {
    let frozen = postgres::open(&options, "rating", 1).await?;
    frozen.migrate(&[FIRST]).await?;
    let lock = "LOCK TABLE film IN EXCLUSIVE MODE";
    let mut connection = frozen.acquire().await?;
    let mut silent = connection.begin().await?;
    sqlx::query(lock).execute(&mut silent).await?;

    let awake = postgres::open(&options, "rating", 1).await?;
    let mut connection = awake.acquire().await?;
    let mut transaction = connection.begin().await?;
    let waited = sqlx::query(lock).execute(&mut transaction);
    tokio::time::timeout(Duration::from_secs(60), waited).await??;
    transaction.rollback().await?;
    assert!(sqlx::query("SELECT 1").execute(&mut silent).await.is_err());
    Ok(())
}

pub(crate) async fn connections_and_waits_are_sampled(options: PgConnectOptions) -> Outcome {
    let pool = postgres::open(&options, "metadata", 2).await?;
    let mut registry = Registry::default();
    let sampled = pool.clone();
    meter::collect(&mut registry, move |to| postgres::Pool::sample([("readers", &sampled)], to));
    let lines = || {
        let mut text = String::new();
        prometheus_text::encode(&mut text, &registry).map(|()| text)
    };
    let has = |line: &str| lines().map(|text| text.lines().any(|found| found == line));
    let lease = pool.acquire().await?;
    assert!(has(r#"db_pool_connections{pool="readers",state="used"} 1"#)?, "{}", lines()?);
    assert!(has(r#"db_pool_connections{pool="readers",state="idle"} 0"#)?, "{}", lines()?);
    assert!(has(r#"db_pool_max_connections{pool="readers"} 2"#)?, "{}", lines()?);
    let others = [pool.acquire().await?, lease];
    assert!(pool.acquire().await.is_err());
    drop(others);
    // The call that found no connection has waited as well.
    assert!(has(r#"db_pool_wait_seconds_count{pool="readers"} 3"#)?, "{}", lines()?);
    pool.close().await;
    Ok(())
}
