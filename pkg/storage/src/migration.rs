//! Brings a database's tables up to date.

use crate::Error;
use sqlx::migrate::{Migrate, MigrateError, MigrationType, Migrator};
use sqlx::{Database, Pool, SqlSafeStr};

/// One step by which tables change; once released it stays as it is.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Its place in the order, from 1.
    pub version: i64,
    /// What it does, in a word or two.
    pub name: &'static str,
    /// Its statements, in the dialect of the database.
    pub sql: &'static str,
}

/// Applies those of `migrations` that the database has not seen yet, each in a transaction; instances that
/// start at once on PostgreSQL wait for each other. A pool whose migration fails is closed, because its
/// connection may still hold the lock.
pub async fn migrate<D>(pool: &Pool<D>, migrations: &[Migration]) -> Result<(), Error>
where
    D: Database,
    D::Connection: Migrate,
{
    let migrations = migrations
        .iter()
        .map(|migration| {
            sqlx::migrate::Migration::new(
                migration.version,
                migration.name.into(),
                MigrationType::Simple,
                migration.sql.into_sql_str(),
                false,
            )
        })
        .collect();
    let Err(error) = Migrator::with_migrations(migrations).run(pool).await else { return Ok(()) };
    pool.close().await;
    Err(match error {
        MigrateError::VersionMissing(version) => Error::Newer(version),
        MigrateError::Execute(error) => error.into(),
        error => Error::Migration(error),
    })
}
