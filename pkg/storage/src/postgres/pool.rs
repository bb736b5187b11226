//! A connection pool in which every wait has a limit: a network that drops packets costs a call its deadline
//! and its connection, but not the connection's slot in the pool.

use super::limit::{ACQUIRE_TIMEOUT, CLOSE_TIMEOUT, PING_TIMEOUT, READ_TIMEOUT, RETURN_TIMEOUT, within};
use super::start;
use super::transaction::Transaction;
use crate::statement::executor;
use crate::{Error, Migration, PoolStatistics, sample_pools};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use meter::{Histogram, Sampler};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{
    PgConnectOptions, PgPoolOptions, PgQueryResult, PgRow, PgStatement, PgTypeInfo, Postgres,
};
use sqlx::{Connection, Either, Execute, Executor, PgPool, SqlStr};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;
use tokio::runtime::Handle;
use tokio::time::timeout;

/// The upper bounds of the buckets of waits for a connection, in seconds.
const WAITS: [f64; 8] = [0.0001, 0.0005, 0.002, 0.01, 0.05, 0.2, 0.6, f64::INFINITY];

/// Connections to one schema; clones share them.
///
/// As an executor it uses a connection for one statement, which must end within [`READ_TIMEOUT`].
#[derive(Clone, Debug)]
pub struct Pool {
    pool: PgPool,
    waits: Arc<Histogram<{ WAITS.len() }>>,
}

/// A connection for one call. It returns to the pool, unless the call fails: the state after a failed call is
/// unknown, and a read-only server may have a successor.
#[derive(Debug)]
pub struct Lease {
    connection: PoolConnection<Postgres>,
    keep: bool,
}

impl Pool {
    pub(super) fn new(options: PgConnectOptions, connections: u32) -> Self {
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            // The pool's own check is limited only by the time for acquiring, and could use up all of it.
            .test_before_acquire(false)
            .before_acquire(|connection, _| {
                Box::pin(async { Ok(matches!(timeout(PING_TIMEOUT, connection.ping()).await, Ok(Ok(())))) })
            });
        Self { pool: pool.connect_lazy_with(options), waits: Arc::new(Histogram::new(&WAITS)) }
    }

    /// Applies pending `migrations` to the schema, each in a transaction. Instances that start at
    /// the same time wait for each other, and log each attempt.
    ///
    /// # Errors
    ///
    /// If a migration fails, was changed after it had been applied, or is unknown to this program.
    pub async fn migrate(&self, migrations: &[Migration]) -> Result<(), Error> {
        start::migrate(&self.pool.connect_options(), migrations).await
    }

    /// Acquires a connection. The caller limits its use with [`within`], and returns it with [`Lease::end`].
    ///
    /// # Errors
    ///
    /// If none is free and none can be opened within 600 ms.
    pub async fn acquire(&self) -> Result<Lease, sqlx::Error> {
        let began = Instant::now();
        let acquired = self.pool.acquire().await;
        self.waits.observe(began.elapsed());
        Ok(Lease { connection: acquired?, keep: true })
    }

    /// Encodes the metrics of pools, which are labelled with their names.
    ///
    /// # Errors
    ///
    /// Those of the encoder.
    pub fn sample<const N: usize>(pools: [(&'static str, &Self); N], to: &mut Sampler<'_>) -> fmt::Result {
        sample_pools(to, pools.map(|(name, pool)| (name, PoolStatistics::from(&pool.pool))))?;
        let waits = pools.map(|(name, pool)| ([("pool", name)], pool.waits.totals()));
        let help = "Time that a call waited for a connection, successfully or not";
        to.histograms("db_pool_wait_seconds", help, &WAITS, waits)
    }

    /// Closes all connections; those in use have half a second.
    pub async fn close(&self) {
        // A connection that is late belongs to a call, which closes it when it ends.
        let _ = timeout(CLOSE_TIMEOUT, self.pool.close()).await;
    }
}

impl Lease {
    /// Begins a transaction.
    ///
    /// # Errors
    ///
    /// If the connection is lost.
    pub async fn begin(&mut self) -> Result<Transaction<'_>, sqlx::Error> {
        Ok(self.connection.begin().await?.into())
    }

    /// Returns the connection to the pool if `done` is a success, and closes it otherwise.
    ///
    /// # Errors
    ///
    /// That of `done`.
    pub fn end<T, E>(mut self, done: Result<T, E>) -> Result<T, E> {
        self.keep = done.is_ok();
        done
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Otherwise, the connection would wait for the server without a limit and keep its slot in the pool.
        // Dropping this future closes the connection's socket and frees the slot.
        let returning = self.connection.return_to_pool();
        if self.keep
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(timeout(RETURN_TIMEOUT, returning));
        }
    }
}

executor!(&'c mut Lease, Postgres, |this| &mut *this.connection);

impl<'p> Executor<'p> for &Pool {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let pool = self.clone();
        let steps = async move {
            let mut lease = pool.acquire().await?;
            let steps = within(READ_TIMEOUT, lease.fetch_many(query).try_collect::<Vec<_>>()).await;
            lease.end(steps).map(|steps| stream::iter(steps.into_iter().map(Ok)))
        };
        stream::once(steps).try_flatten().boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let pool = self.clone();
        Box::pin(async move {
            let mut lease = pool.acquire().await?;
            let row = within(READ_TIMEOUT, lease.fetch_optional(query)).await;
            lease.end(row)
        })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, sqlx::Error>>
    where
        'p: 'e,
    {
        let pool = self.clone();
        Box::pin(async move {
            let mut lease = pool.acquire().await?;
            let statement = within(READ_TIMEOUT, lease.prepare_with(sql, parameters)).await;
            lease.end(statement)
        })
    }
}
