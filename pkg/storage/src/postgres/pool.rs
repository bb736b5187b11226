//! Connections that are never waited for without a limit: a network that swallows packets costs a call its deadline
//! and the connection, but not the connection's place in the pool.

use super::limit::{ACQUIRE_TIMEOUT, CLOSE_TIMEOUT, PING_TIMEOUT, READ_TIMEOUT, RETURN_TIMEOUT, within};
use super::start;
use crate::{Error, Migration};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{
    PgConnectOptions, PgPoolOptions, PgQueryResult, PgRow, PgStatement, PgTypeInfo, Postgres,
};
use sqlx::{Connection, Either, Execute, Executor, PgConnection, PgPool, SqlStr};
use std::ops::{Deref, DerefMut};
use tokio::runtime::Handle;
use tokio::time::timeout;

/// Connections to one schema; clones share them.
///
/// As an executor it takes a connection for one statement, which must end within [`READ_TIMEOUT`].
#[derive(Clone, Debug)]
pub struct Pool {
    pool: PgPool,
}

/// A connection for one call. It returns to the pool, unless the call fails: what is left of a failed call is unknown,
/// and a server that refuses to write may have a successor.
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
            // The pool's own test has no limit but the time for acquiring, of which it would leave nothing.
            .test_before_acquire(false)
            .before_acquire(|connection, _| {
                Box::pin(async { Ok(matches!(timeout(PING_TIMEOUT, connection.ping()).await, Ok(Ok(())))) })
            });
        Self { pool: pool.connect_lazy_with(options) }
    }

    /// Applies those of `migrations` that the schema has not seen yet, each in a transaction. Instances that start at
    /// the same time wait for each other, with a line in the log for each attempt.
    ///
    /// # Errors
    ///
    /// If a migration fails, was changed after it had been applied, or is unknown to this program.
    pub async fn migrate(&self, migrations: &[Migration]) -> Result<(), Error> {
        start::migrate(&self.pool.connect_options(), migrations).await
    }

    /// Takes a connection. The caller limits its use with [`within`], and returns it with [`Lease::end`].
    ///
    /// # Errors
    ///
    /// If none is free and none can be made within 600 ms.
    pub async fn acquire(&self) -> Result<Lease, sqlx::Error> {
        Ok(Lease { connection: self.pool.acquire().await?, keep: true })
    }

    /// Closes all connections; those in use are given half a second.
    pub async fn close(&self) {
        // What is late belongs to a call, which closes it when it ends.
        let _ = timeout(CLOSE_TIMEOUT, self.pool.close()).await;
    }
}

impl Lease {
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
        // Left to itself, the connection would wait for the server without a limit and keep its place in the pool.
        // Dropping this future closes the connection's socket and frees that place.
        let returning = self.connection.return_to_pool();
        if self.keep
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(timeout(RETURN_TIMEOUT, returning));
        }
    }
}

impl Deref for Lease {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

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
