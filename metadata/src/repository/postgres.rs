//! Metadata in a PostgreSQL database, which several instances of the service may share.

mod reindex;
mod statements;

use super::Repository as Store;
use super::row::{self, Row};
use crate::batch::{Outcome, Write};
use async_trait::async_trait;
use meter::Sampler;
use model::search::{self, MAX_TERM, Query, Rank, Term, Word};
use model::{Metadata, RecordId};
use sqlx::postgres::PgConnectOptions;
use sqlx::{query, query_as, query_scalar};
use std::fmt;
use std::sync::Arc;
use storage::postgres::{Pool, WRITE_TIMEOUT, within};
use storage::{Error, Migration};

const SCHEMA: &str = "metadata";

/// The number of connections that read.
const READERS: u32 = 8;

/// The number of connections that write. Transactions of several would wait for each other, because each takes the
/// next revision.
const WRITERS: u32 = 1;

const MIGRATIONS: &[Migration] = &[
    Migration::new(1, "metadata", include_str!("../../../schemas/metadata/postgres/0001_metadata.sql")),
    Migration::new(
        2,
        "search index",
        include_str!("../../../schemas/metadata/postgres/0002_search_index.sql"),
    ),
];

const GET: &str = "SELECT id, title, description, director, release_year::bigint, genres::text, revision
    FROM metadata WHERE id = $1";

const LIST: &str = "SELECT id, title, description, director, release_year::bigint, genres::text, revision
    FROM metadata WHERE id > $1 ORDER BY id LIMIT $2";

// The index holds only the first 256 characters of each word, so that the matches of longer terms ($3) are checked
// against the words. Own words end at the first empty element.
const SEARCH_RANKS: &str = "
    SELECT whole, word_count, id
    FROM (
        SELECT id, (coalesce(array_position(words, ''), cardinality(words) + 1) - 1)::bigint AS word_count,
            (SELECT count(*) FROM unnest($2::text[]) AS wanted
            WHERE string_to_array(wanted, ' ') && words) AS whole
        FROM metadata
        WHERE beginnings @@ $1::text::tsquery
            AND NOT EXISTS (
                SELECT FROM unnest($3::text[]) AS long
                WHERE NOT EXISTS (SELECT FROM unnest(words) AS word WHERE starts_with(word, long)))
    ) AS hit
    WHERE (-whole, word_count, id) > ($4, $5, $6)
    ORDER BY whole DESC, word_count, id LIMIT $7";

const SIMILAR_WORDS: &str = "SELECT DISTINCT word FROM word_half WHERE half = ANY ($1)";

/// Metadata in the schema `metadata` of a database. Reads have connections of their own, so that they never wait for
/// writes.
#[derive(Debug)]
pub struct Repository {
    readers: Pool,
    writers: Pool,
}

impl Repository {
    /// Opens the database and creates its schema if it is missing. Titles that older rules of words have
    /// indexed are indexed again.
    pub async fn open(options: &PgConnectOptions) -> Result<Self, Error> {
        let writers = storage::postgres::open(options, SCHEMA, WRITERS).await?;
        writers.migrate(MIGRATIONS).await?;
        reindex::run(&writers).await?;
        let readers = storage::postgres::open(options, SCHEMA, READERS).await?;
        Ok(Self { readers, writers })
    }
}

#[async_trait]
impl Store for Repository {
    async fn get(&self, id: &RecordId) -> Result<Option<Arc<Metadata>>, Error> {
        let found: Option<Row> = query_as(GET).bind(id.as_str()).fetch_optional(&self.readers).await?;
        found.map(row::metadata).transpose()
    }

    async fn batch_get(&self, ids: &[RecordId]) -> Result<Vec<Arc<Metadata>>, Error> {
        let ids: Vec<_> = ids.iter().map(RecordId::as_str).collect();
        statements::batch_get(&ids, &self.readers).await
    }

    async fn apply(&self, writes: &[Write]) -> Result<Vec<Outcome>, Error> {
        let mut connection = self.writers.acquire().await?;
        let outcomes = within(WRITE_TIMEOUT, statements::apply(&mut connection, writes)).await;
        connection.end(outcomes)
    }

    async fn list(&self, after: Option<&RecordId>, limit: usize) -> Result<Vec<Arc<Metadata>>, Error> {
        let rows = query_as(LIST).bind(after.map_or("", RecordId::as_str)).bind(row::number(limit));
        row::all(rows.fetch_all(&self.readers).await?)
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
        let ranks: Vec<(i64, i64, String)> = query_as(SEARCH_RANKS)
            .bind(tsquery(query))
            .bind(row::texts(query).iter().map(|terms| terms.join(" ")).collect::<Vec<_>>())
            .bind(long(query))
            .bind(whole)
            .bind(words)
            .bind(id)
            .bind(row::number(limit))
            .fetch_all(&self.readers)
            .await?;
        Ok(ranks.into_iter().map(row::rank).collect())
    }

    async fn similar_words(&self, word: &str) -> Result<Vec<String>, Error> {
        let words: Vec<String> =
            query_scalar(SIMILAR_WORDS).bind(search::halves_near(word)).fetch_all(&self.readers).await?;
        Ok(search::similar(word, words.iter().map(String::as_str)))
    }

    async fn ready(&self) -> Result<(), Error> {
        query("SELECT last FROM revision").execute(&self.readers).await?;
        Ok(())
    }

    fn sample(&self, to: &mut Sampler<'_>) -> fmt::Result {
        Pool::sample([("readers", &self.readers), ("writers", &self.writers)], to)
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writers.close().await;
    }
}

/// Returns the tsquery for `query`; terms are cut to the length that the index has. A term contains no quote and no
/// backslash.
fn tsquery(query: &Query) -> String {
    let cut = |text: &str| text.chars().take(MAX_TERM).collect::<String>();
    let term = |term: &Term| match term {
        Term::Prefix(text) => format!("'{}':*", cut(text)),
        Term::Whole(text) => format!("'{}'", cut(text)),
    };
    let words =
        query.words().iter().map(|word| word.terms().iter().map(term).collect::<Vec<_>>().join(" | "));
    words.map(|word| format!("({word})")).collect::<Vec<_>>().join(" & ")
}

/// Returns the terms that are longer than those in the index. None of them has an alternative.
fn long(query: &Query) -> Vec<&str> {
    query.words().iter().map(Word::text).filter(|text| text.chars().count() > MAX_TERM).collect()
}
