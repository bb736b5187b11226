//! Metadata in a SQLite file.

use super::change::Change;
use super::row::{self, Row};
use super::{Put, Repository as Store, Stored};
use async_trait::async_trait;
use model::search::{self, Query, Rank};
use model::{Metadata, RecordId};
use serde::Serialize;
use sqlx::{Connection, SqliteConnection, SqliteExecutor, query, query_as, query_scalar};
use std::path::Path;
use storage::sqlite::{BEGIN, Sqlite, Synchronous};
use storage::{Error, Migration, Oldest};

const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "metadata",
    sql: include_str!("../../../schemas/metadata/sqlite/0001_metadata.sql"),
}];

const GET: &str = "SELECT id, title, description, director, release_year, genres, revision
    FROM metadata WHERE id = $1";

const BATCH_GET: &str = "SELECT metadata.id, title, description, director, release_year, genres, revision
    FROM json_each($1) AS wanted JOIN metadata ON metadata.id = wanted.value ORDER BY wanted.key";

// Without WHERE the parser takes ON for the condition of a join.
const UPSERT: &str = "
    INSERT INTO metadata
        (id, title, description, director, release_year, genres, words, word_count, revision)
    SELECT value ->> 'id', value ->> 'title', value ->> 'description', value ->> 'director',
        value ->> 'release_year', value -> 'genres', value ->> 'words', value ->> 'word_count',
        value ->> 'revision'
    FROM json_each($1) WHERE true
    ON CONFLICT (id) DO UPDATE SET title = excluded.title, description = excluded.description,
        director = excluded.director, release_year = excluded.release_year, genres = excluded.genres,
        words = excluded.words, word_count = excluded.word_count, revision = excluded.revision";

const LIST: &str = "SELECT id, title, description, director, release_year, genres, revision
    FROM metadata WHERE id > $1 ORDER BY id LIMIT $2";

// Descriptions are long: the page is chosen before they are read.
const SEARCH: &str = "
    WITH hit AS (
        SELECT key, id, word_count,
            (SELECT count(*) FROM json_each($2) AS wanted
             WHERE instr(metadata.words, ' ' || wanted.value || ' ') > 0) AS whole
        FROM title_word JOIN metadata ON key = title_word.rowid
        WHERE title_word MATCH $1
    ), page AS (
        SELECT key, whole FROM hit
        WHERE (-whole, word_count, id) > ($3, $4, $5)
        ORDER BY whole DESC, word_count, id LIMIT $6
    )
    SELECT id, title, description, director, release_year, genres, revision, whole, word_count
    FROM page JOIN metadata USING (key) ORDER BY whole DESC, word_count, id";

/// Keeps metadata in a file. One connection writes, so that writes have one order.
#[derive(Debug)]
pub struct Repository {
    sqlite: Sqlite,
    oldest: Oldest,
}

impl Repository {
    /// Opens the file `path`, which is made where it is missing.
    pub async fn open(path: &Path, synchronous: Synchronous) -> Result<Self, Error> {
        let sqlite = storage::sqlite::open(path, synchronous).await?;
        storage::migrate(&sqlite.writer, MIGRATIONS).await?;
        Ok(Self { sqlite, oldest: Oldest::default() })
    }
}

#[async_trait]
impl Store for Repository {
    async fn get(&self, id: &RecordId) -> Result<Option<Stored>, Error> {
        let found: Option<Row> = query_as(GET).bind(id.as_str()).fetch_optional(&self.sqlite.readers).await?;
        Ok(found.map(row::metadata).transpose()?.map(Into::into))
    }

    async fn batch_get(&self, ids: &[RecordId]) -> Result<Vec<Stored>, Error> {
        batch_get(ids, &self.sqlite.readers).await
    }

    async fn batch_put(&self, batch: &[Metadata]) -> Result<Vec<Put>, Error> {
        let mut connection = self.sqlite.writer.acquire().await?;
        let _writing = self.oldest.writing();
        let mut transaction = connection.begin_with(BEGIN).await?;
        let ids: Vec<_> = batch.iter().map(|put| put.id.clone()).collect();
        let stored = batch_get(&ids, &mut *transaction).await?;
        let last: i64 = query_scalar("SELECT last FROM revision").fetch_one(&mut *transaction).await?;
        let change = Change::of(batch, stored, last.unsigned_abs());
        if !change.changed.is_empty() {
            write(&change, &mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(change.puts)
    }

    async fn delete(&self, id: &RecordId) -> Result<bool, Error> {
        let mut connection = self.sqlite.writer.acquire().await?;
        let _writing = self.oldest.writing();
        let mut transaction = connection.begin_with(BEGIN).await?;
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
        row::all(rows.fetch_all(&self.sqlite.readers).await?)
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
            .bind(json(query.words())?)
            .bind(whole)
            .bind(words)
            .bind(id)
            .bind(row::number(limit));
        row::all_found(rows.fetch_all(&self.sqlite.readers).await?)
    }

    async fn ready(&self) -> Result<(), Error> {
        self.oldest.check()?;
        query("SELECT last FROM revision").execute(&self.sqlite.readers).await?;
        Ok(())
    }

    async fn close(&self) {
        self.sqlite.close().await;
    }
}

/// An entry of the JSON that a batch is written from.
#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    title: &'a str,
    description: &'a str,
    director: &'a str,
    release_year: Option<u16>,
    genres: &'a [String],
    words: String,
    word_count: usize,
    revision: u64,
}

impl<'a> Entry<'a> {
    fn of(metadata: &'a Metadata) -> Self {
        let words = search::words(metadata.title.as_str());
        Self {
            id: metadata.id.as_str(),
            title: metadata.title.as_str(),
            description: metadata.description.as_str(),
            director: metadata.director.as_str(),
            release_year: metadata.release_year.map(model::ReleaseYear::get),
            genres: metadata.genres.as_slice(),
            words: words.iter().fold(" ".into(), |all, word| all + word + " "),
            word_count: words.len(),
            revision: metadata.revision,
        }
    }
}

async fn batch_get(ids: &[RecordId], database: impl SqliteExecutor<'_>) -> Result<Vec<Stored>, Error> {
    row::all(query_as(BATCH_GET).bind(json(ids)?).fetch_all(database).await?)
}

async fn write(change: &Change, transaction: &mut SqliteConnection) -> Result<(), Error> {
    let entries: Vec<_> = change.changed.iter().map(|put| Entry::of(put)).collect();
    let ids: Vec<_> = entries.iter().map(|entry| entry.id).collect();
    query("DELETE FROM tombstone WHERE id IN (SELECT value FROM json_each($1))")
        .bind(json(&ids)?)
        .execute(&mut *transaction)
        .await?;
    query(UPSERT).bind(json(&entries)?).execute(&mut *transaction).await?;
    query("UPDATE revision SET last = $1").bind(row::number(change.last)).execute(transaction).await?;
    Ok(())
}

/// The words as FTS5's query language has it: all of them, each the beginning of a word. Quotes make a word
/// of what would be an operator; a folded word holds none itself.
fn beginnings(words: &[String]) -> String {
    words.iter().map(|word| format!("\"{word}\"*")).collect::<Vec<_>>().join(" AND ")
}

fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()).into())
}
