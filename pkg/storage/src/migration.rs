//! Migrations of a database.

use crate::Error;
use sqlx::migrate::{MigrateError, MigrationType, Migrator};
use sqlx::{SqlSafeStr, SqlitePool};

/// A migration; once released, it never changes.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Its number in the order, from 1.
    pub version: i64,
    /// A short description.
    pub name: &'static str,
    /// Its statements, in the dialect of the database.
    pub sql: &'static str,
}

impl Migration {
    /// Creates a migration.
    #[must_use]
    pub const fn new(version: i64, name: &'static str, sql: &'static str) -> Self {
        Self { version, name, sql }
    }
}

/// Applies pending `migrations` to a SQLite file, each in a transaction. A pool whose migration
/// fails is closed.
pub async fn migrate(pool: &SqlitePool, migrations: &[Migration]) -> Result<(), Error> {
    let Err(error) = migrator(migrations).run(pool).await else { return Ok(()) };
    pool.close().await;
    Err(failed(error))
}

pub(crate) fn migrator(migrations: &[Migration]) -> Migrator {
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
    Migrator::with_migrations(migrations)
}

pub(crate) fn failed(error: MigrateError) -> Error {
    match error {
        MigrateError::VersionMissing(version) => Error::Newer(version),
        MigrateError::Execute(error) => error.into(),
        error => Error::Migration(error),
    }
}
