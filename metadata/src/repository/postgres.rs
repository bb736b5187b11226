//! Metadata in PostgreSQL, which several instances of the service may share.

use super::change::Change;
use super::row::{self, Row};
use super::{Put, Repository as Store, Stored};
use async_trait::async_trait;
use model::search::{self, Query, Rank};
use model::{Metadata, RecordId, ReleaseYear};
use sqlx::postgres::PgConnectOptions;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor, PgPool, query, query_as, query_scalar};
use storage::{Error, Migration};

const SCHEMA: &str = "metadata";
const CONNECTIONS: u32 = 10;

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

/// Makes writers take turns. Every write takes this lock before any other and keeps it until its end, so that
///
/// - no two writers wait for each other: whoever holds the first lock is the only one who takes more;
/// - revisions become visible in their order: the next one is only given once the one before is committed;
/// - the statements that follow see all that earlier writers stored, because under READ COMMITTED each
///   statement sees what was committed before it began.
const LOCK: &str = "SELECT last FROM revision FOR UPDATE";

const UPSERT: &str = "
    INSERT INTO metadata
        (id, title, description, director, release_year, genres, words, beginnings, revision)
    SELECT id, title, description, director, release_year, genres, split.words,
        array_to_tsvector(ARRAY(SELECT left(word, 256) FROM unnest(split.words) AS word)), revision
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::jsonb[], $7::text[],
            $8::bigint[])
        AS put (id, title, description, director, release_year, genres, words, revision),
        LATERAL (SELECT string_to_array(put.words, ' ')) AS split (words)
    ON CONFLICT (id) DO UPDATE SET title = excluded.title, description = excluded.description,
        director = excluded.director, release_year = excluded.release_year, genres = excluded.genres,
        words = excluded.words, beginnings = excluded.beginnings, revision = excluded.revision";

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

/// Keeps metadata in the schema `metadata` of a database.
#[derive(Debug)]
pub struct Repository {
    pool: PgPool,
}

impl Repository {
    /// Opens the database, its schema being made where it is missing.
    pub async fn open(options: &PgConnectOptions) -> Result<Self, Error> {
        let pool = storage::postgres::open(options, SCHEMA, CONNECTIONS).await?;
        storage::migrate(&pool, MIGRATIONS).await?;
        Ok(Self { pool })
    }
}

#[async_trait]
impl Store for Repository {
    async fn get(&self, id: &RecordId) -> Result<Option<Stored>, Error> {
        let found: Option<Row> = query_as(GET).bind(id.as_str()).fetch_optional(&self.pool).await?;
        Ok(found.map(row::metadata).transpose()?.map(Into::into))
    }

    async fn batch_get(&self, ids: &[RecordId]) -> Result<Vec<Stored>, Error> {
        let ids: Vec<_> = ids.iter().map(RecordId::as_str).collect();
        batch_get(&ids, &self.pool).await
    }

    async fn batch_put(&self, batch: &[Metadata]) -> Result<Vec<Put>, Error> {
        let mut transaction = self.pool.begin().await?;
        let last: i64 = query_scalar(LOCK).fetch_one(&mut *transaction).await?;
        let ids: Vec<_> = batch.iter().map(|put| put.id.as_str()).collect();
        let stored = batch_get(&ids, &mut *transaction).await?;
        let change = Change::of(batch, stored, last.unsigned_abs());
        if !change.changed.is_empty() {
            write(&change, &mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(change.puts)
    }

    async fn delete(&self, id: &RecordId) -> Result<bool, Error> {
        let mut transaction = self.pool.begin().await?;
        query(LOCK).execute(&mut *transaction).await?;
        let deleted =
            query("DELETE FROM metadata WHERE id = $1").bind(id.as_str()).execute(&mut *transaction).await?;
        if deleted.rows_affected() == 0 {
            return Ok(false);
        }
        query("UPDATE revision SET last = last + 1").execute(&mut *transaction).await?;
        query("INSERT INTO tombstone (id, revision) SELECT $1, last FROM revision")
            .bind(id.as_str())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(true)
    }

    async fn list(&self, after: Option<&RecordId>, limit: usize) -> Result<Vec<Stored>, Error> {
        let rows = query_as(LIST).bind(after.map_or("", RecordId::as_str)).bind(row::number(limit));
        row::all(rows.fetch_all(&self.pool).await?)
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
        row::all_found(rows.fetch_all(&self.pool).await?)
    }

    async fn ready(&self) -> Result<(), Error> {
        query("SELECT last FROM revision").execute(&self.pool).await?;
        Ok(())
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

async fn batch_get(ids: &[&str], database: impl PgExecutor<'_>) -> Result<Vec<Stored>, Error> {
    row::all(query_as(BATCH_GET).bind(ids).fetch_all(database).await?)
}

async fn write(change: &Change, transaction: &mut PgConnection) -> Result<(), Error> {
    let changed = &change.changed;
    let ids: Vec<_> = changed.iter().map(|put| put.id.as_str()).collect();
    query("DELETE FROM tombstone WHERE id = ANY ($1)").bind(&ids).execute(&mut *transaction).await?;
    query(UPSERT)
        .bind(&ids)
        .bind(changed.iter().map(|put| put.title.as_str()).collect::<Vec<_>>())
        .bind(changed.iter().map(|put| put.description.as_str()).collect::<Vec<_>>())
        .bind(changed.iter().map(|put| put.director.as_str()).collect::<Vec<_>>())
        .bind(changed.iter().map(|put| put.release_year.map(year)).collect::<Vec<_>>())
        .bind(changed.iter().map(|put| Json(put.genres.as_slice())).collect::<Vec<_>>())
        .bind(changed.iter().map(|put| search::words(put.title.as_str()).join(" ")).collect::<Vec<_>>())
        .bind(changed.iter().map(|put| row::number(put.revision)).collect::<Vec<_>>())
        .execute(&mut *transaction)
        .await?;
    query("UPDATE revision SET last = $1").bind(row::number(change.last)).execute(transaction).await?;
    Ok(())
}

fn year(year: ReleaseYear) -> i32 {
    year.get().into()
}

/// The words as a tsquery: all of them, each the beginning of a word, no longer than the index has them. A
/// folded word holds no quote and no backslash.
fn beginnings(words: &[String]) -> String {
    let beginning = |word: &String| format!("'{}':*", word.chars().take(256).collect::<String>());
    words.iter().map(beginning).collect::<Vec<_>>().join(" & ")
}
