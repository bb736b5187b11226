//! The table of error codes, as raised by a server; and the settings that no default changes.

use crate::Outcome;
use fault::{Fault, Kind};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnectOptions;
use std::time::Duration;
use storage::Error;
use storage::postgres::{self, Pool, within};

/// Transient: connections, states of transactions, roles, conflicts, resources, objects in use, operators, disks.
const PASSING: [&str; 51] = [
    "08000", "08001", "08003", "08004", "08006", "08007", "08P01", "25000", "25001", "25002", "25003",
    "25004", "25005", "25006", "25007", "25008", "25P01", "25P02", "25P03", "25P04", "26000", "28000",
    "28P01", "34000", "3D000", "40000", "40001", "40002", "40003", "40P01", "53000", "53100", "53200",
    "53300", "53400", "55000", "55006", "55P02", "55P03", "55P04", "57000", "57014", "57P01", "57P02",
    "57P03", "57P04", "57P05", "58000", "58030", "58P01", "58P02",
];

/// Rejected values.
const REJECTED: [&str; 12] = [
    "22000", "22001", "22003", "22021", "22P02", "22P05", "23000", "23502", "23503", "23505", "23514",
    "23P01",
];

/// Permanent errors.
const PERMANENT: [&str; 12] = [
    "0A000", "21000", "2F000", "42501", "42601", "42703", "42P01", "3F000", "54000", "P0001", "XX000",
    "XX001",
];

async fn pid(pool: &Pool) -> Result<i32, sqlx::Error> {
    sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(pool).await
}

/// Returns the server's error with the code `state`.
async fn raise(pool: &Pool, state: &str) -> Error {
    let raise = format!("DO $$ BEGIN RAISE EXCEPTION 'said' USING ERRCODE = '{state}'; END $$");
    sqlx::query(AssertSqlSafe(raise)).execute(pool).await.unwrap_err().into()
}

pub(crate) async fn every_code_has_its_kind(options: PgConnectOptions) -> Outcome {
    let pool = postgres::open(&options, "metadata", 1).await?;
    for state in PASSING {
        let before = pid(&pool).await?;
        let error = raise(&pool, state).await;
        assert_eq!(error.kind(), Kind::Unavailable, "{state}: {error:?}");
        assert_eq!(error.is_conflict(), state.starts_with("40"), "{state}");
        assert_ne!(pid(&pool).await?, before, "the connection was kept after {state}");
    }
    for state in REJECTED {
        let error = raise(&pool, state).await;
        assert!(matches!(error, Error::Rejected(_)), "{state}: {error:?}");
        assert_eq!(error.kind(), Kind::Internal, "{state}");
    }
    for state in PERMANENT {
        let error = raise(&pool, state).await;
        assert_eq!(error.kind(), Kind::Internal, "{state}: {error:?}");
        assert!(!matches!(error, Error::Rejected(_)), "{state}: {error:?}");
    }
    assert!(matches!(raise(&pool, "25006").await, Error::ReadOnly(_)));
    assert!(matches!(raise(&pool, "53100").await, Error::Full(_)));
    Ok(())
}

/// Errors raised by the server itself, rather than by a function.
pub(crate) async fn server_that_ends_a_connection_is_unavailable(options: PgConnectOptions) -> Outcome {
    let pool = postgres::open(&options, "metadata", 2).await?;
    sqlx::query("CREATE TABLE film (id integer)").execute(&pool).await?;
    let mut locking = pool.acquire().await?;
    sqlx::raw_sql("BEGIN; LOCK TABLE film").execute(&mut locking).await?;
    for (settings, statement) in [
        ("SET statement_timeout = '20ms'", "SELECT pg_sleep(5)"),
        ("SET lock_timeout = '20ms'", "SELECT * FROM film"),
        ("SET default_transaction_read_only = on", "INSERT INTO film VALUES (1)"),
        ("SET idle_session_timeout = '20ms'; SELECT pg_sleep(0.1)", "SELECT 1"),
        ("BEGIN; SET idle_in_transaction_session_timeout = '20ms'", "SELECT 1"),
        ("SELECT pg_terminate_backend(pg_backend_pid())", "SELECT 1"),
    ] {
        let mut connection = pool.acquire().await?;
        // Some settings end the connection immediately.
        let _ = sqlx::raw_sql(settings).execute(&mut connection).await;
        let ended = async {
            loop {
                sqlx::query(statement).execute(&mut connection).await?;
                // The server acts on idle connections only.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let ended: Result<(), sqlx::Error> = within(Duration::from_secs(10), ended).await;
        let error = Error::from(connection.end(ended).unwrap_err());
        assert_eq!(error.kind(), Kind::Unavailable, "{settings}: {error:?}");
        assert!(!format!("{error:?}").contains("no response"), "{settings}: {error:?}");
    }
    Ok(())
}

pub(crate) async fn connections_do_not_follow_the_databases_defaults(options: PgConnectOptions) -> Outcome {
    let pool = postgres::open(&options, "metadata", 1).await?;
    let name = options.get_database().unwrap_or_default();
    for setting in [
        "default_transaction_isolation = 'serializable'",
        "default_transaction_deferrable = on",
        "synchronous_commit = off",
        "standard_conforming_strings = off",
        "bytea_output = 'escape'",
        "gin_fuzzy_search_limit = 5",
        "idle_session_timeout = '1h'",
        "idle_in_transaction_session_timeout = 0",
        "lock_timeout = 0",
        "statement_timeout = 0",
        "search_path = pg_catalog",
        "\"DateStyle\" = 'German'",
        "\"TimeZone\" = 'Asia/Tokyo'",
        "client_encoding = 'LATIN1'",
    ] {
        sqlx::query(AssertSqlSafe(format!("ALTER DATABASE {name} SET {setting}"))).execute(&pool).await?;
    }
    let shown = "SELECT string_agg(name || '=' || setting, ' ' ORDER BY name COLLATE \"C\") FROM pg_settings \
                 WHERE name IN ('default_transaction_isolation', 'default_transaction_deferrable', \
                 'synchronous_commit', 'standard_conforming_strings', 'bytea_output', 'gin_fuzzy_search_limit', \
                 'idle_session_timeout', 'idle_in_transaction_session_timeout', 'lock_timeout', \
                 'statement_timeout', 'search_path', 'DateStyle', 'TimeZone', 'client_encoding', \
                 'tcp_user_timeout', 'tcp_keepalives_idle')";
    let fresh = postgres::open(&options, "metadata", 1).await?;
    let settings: String = sqlx::query_scalar(shown).fetch_one(&fresh).await?;
    assert_eq!(
        settings,
        "DateStyle=ISO, MDY TimeZone=UTC bytea_output=hex client_encoding=UTF8 \
         default_transaction_deferrable=off default_transaction_isolation=read committed \
         gin_fuzzy_search_limit=0 idle_in_transaction_session_timeout=5000 idle_session_timeout=0 \
         lock_timeout=6000 search_path=metadata standard_conforming_strings=on statement_timeout=120000 \
         synchronous_commit=on tcp_keepalives_idle=10 tcp_user_timeout=15000"
    );
    Ok(())
}
