//! Metadata in PostgreSQL, which several instances of the service may share.

mod queue;
mod statements;

use super::group::{Write, Written};
use super::row::{self, Row};
use super::{Put, Repository as Store, Stored};
use async_trait::async_trait;
use model::search::{Query, Rank};
use model::{Metadata, RecordId};
use queue::Queue;
use sqlx::postgres::PgConnectOptions;
use sqlx::{PgExecutor, query, query_as};
use storage::postgres::Pool;
use storage::{Error, Migration};

const SCHEMA: &str = "metadata";

/// How many connections read.
const READERS: u32 = 8;

/// How many connections write: transactions would wait for each other, because each takes the next revision.
const WRITERS: u32 = 1;

const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "metadata",
    sql: include_str!("../../../schemas/metadata/postgres/0001_metadata.sql"),
}];

const GET: &str = "SELECT id, title, description, director, release_year::bigint, genres::text, revision
    FROM metadata WHERE id = $1";

const BATCH_GET: &str =
    "SELECT id, title, description, director, release_year::bigint, genres::text, revision
    FROM unnest($1::text[]) WITH ORDINALITY AS wanted (id, place) JOIN metadata USING (id) ORDER BY place";

const LIST: &str = "SELECT id, title, description, director, release_year::bigint, genres::text, revision
    FROM metadata WHERE id > $1 ORDER BY id LIMIT $2";

// The index knows only how words begin, so that what it finds is held against the words themselves.
const SEARCH: &str = "
    SELECT id, title, description, director, release_year::bigint, genres::text, revision, whole, word_count
    FROM (
        SELECT *, cardinality(words)::bigint AS word_count,
            (SELECT count(*) FROM unnest($2::text[]) AS wanted WHERE wanted = ANY (words)) AS whole
        FROM metadata
        WHERE beginnings @@ $1::text::tsquery
            AND NOT EXISTS (
                SELECT FROM unnest($2::text[]) AS wanted
                WHERE NOT EXISTS (SELECT FROM unnest(words) AS word WHERE starts_with(word, wanted)))
    ) AS hit
    WHERE (-whole, word_count, id) > ($3, $4, $5)
    ORDER BY whole DESC, word_count, id LIMIT $6";

/// Keeps metadata in the schema `metadata` of a database. Reads have connections of their own, which no write takes.
#[derive(Debug)]
pub struct Repository {
    readers: Pool,
    writers: Pool,
    queue: Queue,
}

impl Repository {
    /// Opens the database, its schema being made where it is missing, and spawns the task that writes.
    pub async fn open(options: &PgConnectOptions) -> Result<Self, Error> {
        let writers = storage::postgres::open(options, SCHEMA, WRITERS).await?;
        writers.migrate(MIGRATIONS).await?;
        let readers = storage::postgres::open(options, SCHEMA, READERS).await?;
        let queue = Queue::start(writers.clone());
        Ok(Self { readers, writers, queue })
    }
}

#[async_trait]
impl Store for Repository {
    async fn get(&self, id: &RecordId) -> Result<Option<Stored>, Error> {
        let found: Option<Row> = query_as(GET).bind(id.as_str()).fetch_optional(&self.readers).await?;
        Ok(found.map(row::metadata).transpose()?.map(Into::into))
    }

    async fn batch_get(&self, ids: &[RecordId]) -> Result<Vec<Stored>, Error> {
        let ids: Vec<_> = ids.iter().map(RecordId::as_str).collect();
        batch_get(&ids, &self.readers).await
    }

    async fn batch_put(&self, batch: &[Metadata]) -> Result<Vec<Put>, Error> {
        match self.queue.write(Write::Put(batch.to_vec())).await? {
            Written::Put(puts) => Ok(puts),
            Written::Deleted(_) => Err(Error::row("metadata", "a put has the result of a delete")),
        }
    }

    async fn delete(&self, id: &RecordId) -> Result<bool, Error> {
        Ok(self.queue.write(Write::Delete(id.clone())).await? == Written::Deleted(true))
    }

    async fn list(&self, after: Option<&RecordId>, limit: usize) -> Result<Vec<Stored>, Error> {
        let rows = query_as(LIST).bind(after.map_or("", RecordId::as_str)).bind(row::number(limit));
        row::all(rows.fetch_all(&self.readers).await?)
    }

    async fn search(
        &self,
        query: &Query,
        after: Option<&Rank>,
        limit: usize,
    ) -> Result<Vec<(Stored, Rank)>, Error> {
        if query.words().is_empty() {
            return Ok(Vec::new());
        }
        let (whole, words, id) = row::key(after);
        let rows = query_as(SEARCH)
            .bind(beginnings(query.words()))
            .bind(query.words())
            .bind(whole)
            .bind(words)
            .bind(id)
            .bind(row::number(limit));
        row::all_found(rows.fetch_all(&self.readers).await?)
    }

    async fn ready(&self) -> Result<(), Error> {
        self.queue.check()?;
        query("SELECT last FROM revision").execute(&self.readers).await?;
        Ok(())
    }

    async fn close(&self) {
        self.queue.close().await;
        self.readers.close().await;
        self.writers.close().await;
    }
}

async fn batch_get(ids: &[&str], database: impl PgExecutor<'_>) -> Result<Vec<Stored>, Error> {
    row::all(query_as(BATCH_GET).bind(ids).fetch_all(database).await?)
}

/// The words as a tsquery: all of them, each the beginning of a word, no longer than the index has them. A
/// folded word holds no quote and no backslash.
fn beginnings(words: &[String]) -> String {
    let beginning = |word: &String| format!("'{}':*", word.chars().take(256).collect::<String>());
    words.iter().map(beginning).collect::<Vec<_>>().join(" & ")
}
