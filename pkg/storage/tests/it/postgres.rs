//! Opening PostgreSQL schemas.

use crate::{FIRST, Outcome, SECOND};
use fault::{Fault, Kind};
use sqlx::postgres::PgConnectOptions;
use storage::{Error, migrate, postgres};

pub(crate) async fn an_unreachable_server_is_named() -> Outcome {
    let free = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let options: PgConnectOptions = format!("postgres://me:secret@127.0.0.1:{free}/films").parse()?;
    let error = postgres::open(&options, "metadata", 2).await.unwrap_err();
    assert_eq!(error.to_string(), format!("can't open postgres://127.0.0.1:{free}/films"));
    assert_eq!(error.kind(), Kind::Unavailable);
    Ok(())
}

pub(crate) async fn instances_may_start_at_once(options: PgConnectOptions) -> Outcome {
    let instances: Vec<_> = (0..8)
        .map(|_| {
            let options = options.clone();
            tokio::spawn(async move {
                let pool = postgres::open(&options, "metadata", 2).await?;
                migrate(&pool, &[FIRST, SECOND]).await?;
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
        migrate(&pool, &[FIRST]).await?;
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

pub(crate) async fn a_newer_database_is_refused(options: PgConnectOptions) -> Outcome {
    let pool = postgres::open(&options, "metadata", 2).await?;
    migrate(&pool, &[FIRST, SECOND]).await?;
    let error = migrate(&pool, &[FIRST]).await.unwrap_err();
    assert!(matches!(error, Error::Newer(2)), "{error:?}");
    let pool = postgres::open(&options, "metadata", 2).await?;
    migrate(&pool, &[FIRST, SECOND]).await?;
    Ok(())
}
