//! Metadata in a SQLite file.
//!
//! The methods mirror those of `postgres.rs`, but every statement and the type of every parameter differ: batches are
//! JSON here and arrays there, the search index is FTS5 here and GIN there. What does not depend on the dialect is
//! shared in `row.rs` and `batch/plan.rs`.

mod reindex;
mod statements;

use super::Repository as Store;
use super::row::{self, Row};
use crate::batch::{Outcome, Write};
use async_trait::async_trait;
use meter::Sampler;
use model::search::{self, Query, Rank, Term};
use model::{Metadata, RecordId};
use sqlx::{query, query_as, query_scalar};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use storage::sqlite::{Sqlite, Synchronous};
use storage::{Error, Migration, sample_pools};

const MIGRATIONS: &[Migration] = &[
    Migration::new(1, "metadata", include_str!("../../../schemas/metadata/sqlite/0001_metadata.sql")),
    Migration::new(2, "search index", include_str!("../../../schemas/metadata/sqlite/0002_search_index.sql")),
];

const GET: &str = "SELECT id, title, description, director, release_year, genres, revision
    FROM metadata WHERE id = $1";

// `+ 0` here and below: SQLite compiles a statement again for each execution if its limit is a bare parameter.
const LIST: &str = "SELECT id, title, description, director, release_year, genres, revision
    FROM metadata WHERE id > $1 ORDER BY id LIMIT $2 + 0";

// The page is one row of JSON: each row that SQLite returns costs sqlx more than it costs SQLite. Both MATERIALIZED
// keep SQLite from computing the same words and ranks several times.
const SEARCH_RANKS: &str = "
    WITH wanted (word, others) AS MATERIALIZED (
        SELECT ' ' || (value ->> 0) || ' ', CASE WHEN json_array_length(value) > 1 THEN value END
        FROM json_each($2)
    ), hit AS MATERIALIZED (
        SELECT word_count, id,
            (SELECT count(*) FROM wanted
            WHERE instr(metadata.words, word) > 0 OR others IS NOT NULL AND EXISTS (
                SELECT 1 FROM json_each(others) WHERE instr(metadata.words, ' ' || value || ' ') > 0)) AS whole
        FROM title_word JOIN metadata ON key = title_word.rowid
        WHERE title_word MATCH $1
    ), page AS (
        SELECT whole, word_count, id FROM hit
        WHERE (-whole, word_count, id) > ($3, $4, $5)
        ORDER BY whole DESC, word_count, id LIMIT $6 + 0
    )
    SELECT json_group_array(json_array(whole, word_count, id) ORDER BY whole DESC, word_count, id) FROM page";

const SIMILAR_WORDS: &str = "SELECT json_group_array(word) FROM (
        SELECT DISTINCT word FROM word_half WHERE half IN (SELECT value FROM json_each($1)))";

/// Metadata in a SQLite file that belongs to this process.
#[derive(Debug)]
pub struct Repository {
    sqlite: Sqlite,
}

impl Repository {
    /// Opens the file `path`, which is created if it is missing. Titles that other rules of words have indexed are
    /// indexed again.
    pub async fn open(path: &Path, synchronous: Synchronous) -> Result<Self, Error> {
        let sqlite = storage::sqlite::open(path, synchronous).await?;
        storage::migrate(&sqlite.writer, MIGRATIONS).await?;
        reindex::run(&sqlite.writer).await?;
        Ok(Self { sqlite })
    }
}

#[async_trait]
impl Store for Repository {
    async fn get(&self, id: &RecordId) -> Result<Option<Arc<Metadata>>, Error> {
        let found: Option<Row> = query_as(GET).bind(id.as_str()).fetch_optional(&self.sqlite.readers).await?;
        found.map(row::metadata).transpose()
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

    async fn search_ranks(
        &self,
        query: &Query,
        after: Option<&Rank>,
        limit: usize,
    ) -> Result<Vec<Rank>, Error> {
        if query.words().is_empty() {
            return Ok(Vec::new());
        }
        let (whole, words, id) = row::key(after);
        let ranks: String = query_scalar(SEARCH_RANKS)
            .bind(expression(query))
            .bind(row::json(&row::texts(query))?)
            .bind(whole)
            .bind(words)
            .bind(id)
            .bind(row::number(limit))
            .fetch_one(&self.sqlite.readers)
            .await?;
        serde_json::from_str(&ranks).map_err(|error| Error::row("metadata", error))
    }

    async fn similar_words(&self, word: &str) -> Result<Vec<String>, Error> {
        let words: String = query_scalar(SIMILAR_WORDS)
            .bind(row::json(&search::halves_near(word))?)
            .fetch_one(&self.sqlite.readers)
            .await?;
        let words: Vec<&str> =
            serde_json::from_str(&words).map_err(|error| Error::row("word_half", error))?;
        Ok(search::similar(word, words))
    }

    async fn ready(&self) -> Result<(), Error> {
        query("SELECT last FROM revision").execute(&self.sqlite.readers).await?;
        Ok(())
    }

    fn sample(&self, to: &mut Sampler<'_>) -> fmt::Result {
        let (readers, writers) = (self.sqlite.reader_statistics(), self.sqlite.writer_statistics());
        sample_pools(to, [("readers", readers), ("writers", writers)])?;
        self.sqlite.sample_files(to)
    }

    async fn close(&self) {
        self.sqlite.close().await;
    }
}

/// Returns the FTS5 expression for `query`. The quotes keep FTS5 from reading a term as an operator; a term contains no
/// quote.
fn expression(query: &Query) -> String {
    let term = |term: &Term| match term {
        Term::Prefix(text) => format!("\"{text}\"*"),
        Term::Whole(text) => format!("\"{text}\""),
    };
    let words = query.words().iter().map(|word| match word.terms() {
        [only] => term(only),
        terms => format!("({})", terms.iter().map(term).collect::<Vec<_>>().join(" OR ")),
    });
    words.collect::<Vec<_>>().join(" AND ")
}
