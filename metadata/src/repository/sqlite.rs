//! Metadata in a SQLite file.

mod statements;

use super::Repository as Store;
use super::row::{self, Row};
use crate::batch::{Outcome, Write};
use async_trait::async_trait;
use model::search::{Query, Rank};
use model::{Metadata, RecordId};
use sqlx::{query, query_as};
use std::path::Path;
use std::sync::Arc;
use storage::sqlite::{Sqlite, Synchronous};
use storage::{Error, Migration};

const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "metadata",
    sql: include_str!("../../../schemas/metadata/sqlite/0001_metadata.sql"),
}];

const GET: &str = "SELECT id, title, description, director, release_year, genres, revision
    FROM metadata WHERE id = $1";

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

/// Metadata in a SQLite file that belongs to this process.
#[derive(Debug)]
pub struct Repository {
    sqlite: Sqlite,
}

impl Repository {
    /// Opens the file `path`, which is created if it is missing.
    pub async fn open(path: &Path, synchronous: Synchronous) -> Result<Self, Error> {
        let sqlite = storage::sqlite::open(path, synchronous).await?;
        storage::migrate(&sqlite.writer, MIGRATIONS).await?;
        Ok(Self { sqlite })
    }
}

#[async_trait]
impl Store for Repository {
    async fn get(&self, id: &RecordId) -> Result<Option<Arc<Metadata>>, Error> {
        let found: Option<Row> = query_as(GET).bind(id.as_str()).fetch_optional(&self.sqlite.readers).await?;
        Ok(found.map(row::metadata).transpose()?.map(Into::into))
    }

    async fn batch_get(&self, ids: &[RecordId]) -> Result<Vec<Arc<Metadata>>, Error> {
        statements::batch_get(ids, &self.sqlite.readers).await
    }

    async fn apply(&self, writes: &[Write]) -> Result<Vec<Outcome>, Error> {
        statements::apply(&self.sqlite.writer, writes).await
    }

    async fn list(&self, after: Option<&RecordId>, limit: usize) -> Result<Vec<Arc<Metadata>>, Error> {
        let rows = query_as(LIST).bind(after.map_or("", RecordId::as_str)).bind(row::number(limit));
        row::all(rows.fetch_all(&self.sqlite.readers).await?)
    }

    async fn search(
        &self,
        query: &Query,
        after: Option<&Rank>,
        limit: usize,
    ) -> Result<Vec<(Arc<Metadata>, Rank)>, Error> {
        if query.words().is_empty() {
            return Ok(Vec::new());
        }
        let (whole, words, id) = row::key(after);
        let rows = query_as(SEARCH)
            .bind(prefixes(query.words()))
            .bind(row::json(query.words())?)
            .bind(whole)
            .bind(words)
            .bind(id)
            .bind(row::number(limit));
        row::all_found(rows.fetch_all(&self.sqlite.readers).await?)
    }

    async fn ready(&self) -> Result<(), Error> {
        query("SELECT last FROM revision").execute(&self.sqlite.readers).await?;
        Ok(())
    }

    async fn close(&self) {
        self.sqlite.close().await;
    }
}

/// Returns the FTS5 query for titles in which each of `words` is a prefix of a word. The quotes keep FTS5 from reading
/// a word as an operator; a folded word contains no quote.
fn prefixes(words: &[String]) -> String {
    words.iter().map(|word| format!("\"{word}\"*")).collect::<Vec<_>>().join(" AND ")
}
