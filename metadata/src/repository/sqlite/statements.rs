//! The statements of a transaction that writes. Batches are passed as one JSON parameter: binding many parameters takes
//! quadratic time in SQLite.

use super::super::row;
use crate::batch::plan::Plan;
use crate::batch::{Outcome, Write};
use model::search::{self, Index};
use model::{Metadata, RecordId, ReleaseYear};
use serde::Serialize;
use sqlx::{SqliteExecutor, SqlitePool, query, query_as, query_scalar};
use std::collections::BTreeSet;
use std::sync::Arc;
use storage::Error;
use storage::sqlite::Transaction;

const BATCH_GET: &str = "SELECT metadata.id, title, description, director, release_year, genres, revision
    FROM json_each($1) AS wanted JOIN metadata ON metadata.id = wanted.value ORDER BY wanted.key";

// Without WHERE, the parser reads ON as the condition of a join.
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

const DELETE: &str = "DELETE FROM metadata WHERE id IN (SELECT value ->> 0 FROM json_each($1))";

const ADD_WORDS: &str =
    "INSERT OR IGNORE INTO word_half (half, word) SELECT value ->> 0, value ->> 1 FROM json_each($1)";

const INSERT_TOMBSTONES: &str = "
    INSERT INTO tombstone (id, revision) SELECT value ->> 0, value ->> 1 FROM json_each($1) WHERE true
    ON CONFLICT (id) DO UPDATE SET revision = excluded.revision";

/// Applies `writes` in a transaction, as [`Repository::apply`](crate::repository::Repository::apply) does.
pub(super) async fn apply(writer: &SqlitePool, writes: &[Write]) -> Result<Vec<Outcome>, Error> {
    let mut transaction = Transaction::begin(writer).await?;
    let last: i64 = query_scalar("SELECT last FROM revision").fetch_one(&mut transaction).await?;
    let ids: BTreeSet<&RecordId> = writes.iter().flat_map(Write::ids).collect();
    let stored = batch_get(&ids, &mut transaction).await?;
    let plan = Plan::of(writes, stored, last.unsigned_abs());
    if !plan.stored.is_empty() {
        store(&mut transaction, &plan.stored).await?;
    }
    if !plan.deleted.is_empty() {
        delete(&mut transaction, &plan.deleted).await?;
    }
    if plan.last > last.unsigned_abs() {
        query("UPDATE revision SET last = $1").bind(row::number(plan.last)).execute(&mut transaction).await?;
    }
    transaction.commit().await?;
    Ok(plan.outcomes)
}

/// Returns the records with the ids in `ids`, a sequence in any container, in their order.
pub(super) async fn batch_get<T: Serialize + ?Sized>(
    ids: &T,
    database: impl SqliteExecutor<'_>,
) -> Result<Vec<Arc<Metadata>>, Error> {
    row::all(query_as(BATCH_GET).bind(row::json(ids)?).fetch_all(database).await?)
}

async fn store(transaction: &mut Transaction<'_>, records: &[Arc<Metadata>]) -> Result<(), Error> {
    let indexes: Vec<_> = records.iter().map(|record| Index::of(record.title.as_str())).collect();
    let entries: Vec<_> =
        records.iter().zip(&indexes).map(|(record, index)| Entry::of(record, index)).collect();
    let ids: Vec<_> = entries.iter().map(|entry| entry.id).collect();
    query("DELETE FROM tombstone WHERE id IN (SELECT value FROM json_each($1))")
        .bind(row::json(&ids)?)
        .execute(&mut *transaction)
        .await?;
    query(UPSERT).bind(row::json(&entries)?).execute(&mut *transaction).await?;
    add_words(transaction, &indexes).await
}

/// Adds the words that queries are corrected to.
pub(super) async fn add_words(transaction: &mut Transaction<'_>, titles: &[Index]) -> Result<(), Error> {
    query(ADD_WORDS).bind(row::json(&search::word_halves(titles))?).execute(transaction).await?;
    Ok(())
}

async fn delete(transaction: &mut Transaction<'_>, deleted: &[(RecordId, u64)]) -> Result<(), Error> {
    let deleted = row::json(deleted)?;
    query(DELETE).bind(&deleted).execute(&mut *transaction).await?;
    query(INSERT_TOMBSTONES).bind(&deleted).execute(transaction).await?;
    Ok(())
}

/// A record in the JSON parameter of [`UPSERT`].
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
    fn of(metadata: &'a Metadata, index: &Index) -> Self {
        Self {
            id: metadata.id.as_str(),
            title: metadata.title.as_str(),
            description: metadata.description.as_str(),
            director: metadata.director.as_str(),
            release_year: metadata.release_year.map(ReleaseYear::get),
            genres: metadata.genres.as_slice(),
            words: column(index),
            word_count: index.own().len(),
            revision: metadata.revision,
        }
    }
}

/// Returns the column `words`: whole words have a blank before and after them, the others have none before them. FTS5
/// splits at both blanks and commas.
pub(super) fn column(index: &Index) -> String {
    let whole = index.own().iter().chain(index.joined()).fold(" ".to_owned(), |all, word| all + word + " ");
    index.inner().iter().fold(whole, |all, word| all + "," + word)
}
