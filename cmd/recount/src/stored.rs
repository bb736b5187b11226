//! The content of the database, read by plain SQL in one snapshot.

use crate::event::Rating;
use anyhow::{Context, bail};
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, FromRow, PgConnection, SqliteConnection};
use std::collections::{BTreeMap, HashMap};

/// A database of the rating service.
#[derive(Debug)]
pub enum Database {
    /// A SQLite file.
    Sqlite(SqliteConnection),
    /// A PostgreSQL database.
    Postgres(PgConnection),
}

/// A stored aggregate.
#[derive(Clone, Debug)]
pub struct Aggregate {
    /// The number of ratings per value, value 1 first.
    pub counts: [i64; 10],
    /// The number of ratings.
    pub count: i64,
    /// The sum of the values.
    pub sum: i64,
    /// The weighted mean.
    pub weighted_mean: f64,
    /// The revision.
    pub revision: i64,
}

/// The complete stored data.
#[derive(Debug)]
pub struct Stored {
    /// The aggregates by record, `type/id`.
    pub aggregates: HashMap<String, Aggregate>,
    /// The ratings by record and user.
    pub ratings: HashMap<(i64, i64), Rating>,
    /// The names of the records.
    pub records: HashMap<i64, String>,
    /// The names of the users.
    pub users: HashMap<i64, String>,
    /// The next offset of each partition of the topic.
    pub offsets: BTreeMap<i32, i64>,
    /// Weight and mean of the prior.
    pub prior: (f64, f64),
}

/// Record, count, sum, weighted mean, revision, and the ten counts.
type AggregateRow = (i64, i64, i64, f64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64);

const AGGREGATES: &str = "SELECT record, count, sum, weighted_mean, revision, \
     h1, h2, h3, h4, h5, h6, h7, h8, h9, h10 FROM ";

/// A row from either database.
trait Row: Send + Unpin + for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> {}
impl<T: Send + Unpin + for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow>> Row for T {}

impl Database {
    /// Connects for reading.
    ///
    /// # Errors
    ///
    /// If the URL is invalid, or the database can't be opened.
    pub async fn open(url: &str) -> anyhow::Result<Self> {
        let opened = match url.split_once(':') {
            Some(("sqlite", path)) => {
                let path = path.strip_prefix("//").unwrap_or(path);
                let options = SqliteConnectOptions::new().filename(path).read_only(true);
                options.connect().await.map(Self::Sqlite)
            }
            Some(("postgres" | "postgresql", _)) => {
                let options: PgConnectOptions = url.parse().context("--database")?;
                let options = options.application_name("recount").options([("search_path", "rating")]);
                options.connect().await.map(Self::Postgres)
            }
            _ => bail!("--database must be sqlite:PATH or postgres://USER@HOST/DATABASE"),
        };
        opened.context("the database can't be opened")
    }

    async fn rows<T: Row>(&mut self, sql: &str) -> anyhow::Result<Vec<T>> {
        let sql = AssertSqlSafe(sql.to_owned());
        Ok(match self {
            Self::Sqlite(connection) => sqlx::query_as(sql).fetch_all(connection).await?,
            Self::Postgres(connection) => sqlx::query_as(sql).fetch_all(connection).await?,
        })
    }

    async fn execute(&mut self, sql: &'static str) -> anyhow::Result<()> {
        match self {
            Self::Sqlite(connection) => sqlx::query(sql).execute(connection).await.map(|_| ())?,
            Self::Postgres(connection) => sqlx::query(sql).execute(connection).await.map(|_| ())?,
        }
        Ok(())
    }

    /// Returns the stored offsets of a topic of a cluster, or of all clusters if none is given.
    ///
    /// # Errors
    ///
    /// If the database can't be read.
    pub async fn offsets(
        &mut self,
        cluster: Option<&str>,
        topic: &str,
    ) -> anyhow::Result<BTreeMap<i32, i64>> {
        let rows: Vec<(String, String, i32, i64)> =
            self.rows("SELECT cluster, topic, \"partition\", next_offset FROM ingest_offset").await?;
        let of_topic = |row: &(String, String, i32, i64)| {
            cluster.is_none_or(|cluster| row.0 == cluster) && row.1 == topic
        };
        let found = rows.into_iter().filter(of_topic);
        Ok(found.map(|(_, _, partition, next_offset)| (partition, next_offset)).collect())
    }

    /// Reads all data in one snapshot.
    ///
    /// # Errors
    ///
    /// If the database can't be read, or has other tables.
    pub async fn read(&mut self, cluster: &str, topic: &str) -> anyhow::Result<Stored> {
        self.execute(match self {
            Self::Sqlite(_) => "BEGIN",
            Self::Postgres(_) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        })
        .await?;
        let offsets = self.offsets(Some(cluster), topic).await?;
        let records: HashMap<i64, String> =
            self.rows("SELECT key, record_type || '/' || record_id FROM record").await?.into_iter().collect();
        let users = self.rows("SELECT key, user_id FROM rater").await?.into_iter().collect();
        let (aggregates, ratings) = match self {
            // Including the journals.
            Self::Sqlite(_) => ("current_aggregate", "current_rating"),
            Self::Postgres(_) => ("aggregate", "rating"),
        };
        let aggregates: Vec<AggregateRow> = self.rows(&format!("{AGGREGATES}{aggregates}")).await?;
        let ratings: Vec<(i64, i64, i64, Option<String>, i64)> = self
            .rows(&format!(
                "SELECT record, rater, CAST(value AS bigint), provider_id, rated_at FROM {ratings}"
            ))
            .await?;
        let prior: Vec<(f64, f64)> = self.rows("SELECT prior_weight, prior_mean FROM setting").await?;
        self.execute("COMMIT").await?;

        let mut stored = Stored {
            aggregates: HashMap::new(),
            ratings: HashMap::with_capacity(ratings.len()),
            records,
            users,
            offsets,
            prior: *prior.first().context("there is no prior")?,
        };
        for row in aggregates {
            let (record, count, sum, weighted_mean, revision, h1, h2, h3, h4, h5, h6, h7, h8, h9, h10) = row;
            let name = stored.records.get(&record).context("an aggregate has no record")?.clone();
            let counts = [h1, h2, h3, h4, h5, h6, h7, h8, h9, h10];
            stored.aggregates.insert(name, Aggregate { counts, count, sum, weighted_mean, revision });
        }
        for (record, rater, value, provider, rated_at) in ratings {
            let value = u8::try_from(value)?;
            stored.ratings.insert((record, rater), Rating { value, provider, rated_at });
        }
        Ok(stored)
    }

    /// Closes the connection.
    ///
    /// # Errors
    ///
    /// If the server reports an error.
    pub async fn close(self) -> anyhow::Result<()> {
        match self {
            Self::Sqlite(connection) => connection.close().await?,
            Self::Postgres(connection) => connection.close().await?,
        }
        Ok(())
    }
}

impl Stored {
    /// Returns a one-line summary.
    #[must_use]
    pub fn summary(&self) -> String {
        let Self { aggregates, ratings, users, offsets, .. } = self;
        let next: i64 = offsets.values().sum();
        format!(
            "database: {} ratings of {} records by {} users; {next} events applied",
            ratings.len(),
            aggregates.len(),
            users.len()
        )
    }

    /// Returns the stored rating of a record, `type/id`, by a user.
    #[must_use]
    pub fn rating(&self, record: &str, user: &str) -> Option<&Rating> {
        let named = |key: &(i64, i64)| self.names(*key) == (record, user);
        self.ratings.iter().find(|(key, _)| named(key)).map(|(_, rating)| rating)
    }

    /// Returns the names of a record and a user.
    pub(crate) fn names(&self, (record, user): (i64, i64)) -> (&str, &str) {
        let record = self.records.get(&record).map_or("?", String::as_str);
        (record, self.users.get(&user).map_or("?", String::as_str))
    }
}
