//! The statements of a transaction that writes.

use super::super::row;
use crate::batch::plan::Plan;
use crate::batch::{Outcome, Write};
use model::search::{self, Index, VERSION};
use model::{Metadata, RecordId, ReleaseYear};
use sqlx::types::Json;
use sqlx::{PgExecutor, query, query_as, query_scalar};
use std::collections::BTreeSet;
use std::sync::Arc;
use storage::Error;
use storage::postgres::{Lease, Transaction};

/// Serializes writers. Every transaction takes this lock before any other and keeps it until its end, so that
///
/// - writers do not deadlock: only the one that holds this lock takes further locks;
/// - revisions become visible in their order: the next one is taken after the one before is committed;
/// - the statements that follow see all that earlier writers stored, because under READ COMMITTED each statement sees
///   what was committed before it began.
pub(super) const LOCK: &str = "SELECT last FROM revision FOR UPDATE";

const BATCH_GET: &str =
    "SELECT id, title, description, director, release_year::bigint, genres::text, revision
    FROM unnest($1::text[]) WITH ORDINALITY AS wanted (id, place) JOIN metadata USING (id) ORDER BY place";

/// The column `beginnings` of a row with the columns `words` and `inner_words`: the first 256 characters of each word.
macro_rules! beginnings {
    ($row:literal) => {
        concat!(
            "array_to_tsvector(ARRAY(SELECT left(word, 256) FROM unnest(string_to_array(",
            $row,
            ".words || ' ' || ",
            $row,
            ".inner_words, ' ')) AS word WHERE word <> ''))"
        )
    };
}
pub(super) use beginnings;

const UPSERT: &str = concat!(
    "
    INSERT INTO metadata
        (id, title, description, director, release_year, genres, words, beginnings, revision,
            indexed_revision)
    SELECT id, title, description, director, release_year, genres, string_to_array(put.words, ' '),
        ",
    beginnings!("put"),
    ",
        revision, CASE WHEN (SELECT version FROM search_index) = $10 THEN revision ELSE 0 END
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::jsonb[], $7::text[],
            $8::text[], $9::bigint[])
        AS put (id, title, description, director, release_year, genres, words, inner_words, revision)
    ON CONFLICT (id) DO UPDATE SET title = excluded.title, description = excluded.description,
        director = excluded.director, release_year = excluded.release_year, genres = excluded.genres,
        words = excluded.words, beginnings = excluded.beginnings, revision = excluded.revision,
        indexed_revision = excluded.indexed_revision"
);

const ADD_WORDS: &str =
    "INSERT INTO word_half (half, word) SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING";

const INSERT_TOMBSTONES: &str = "
    INSERT INTO tombstone (id, revision) SELECT * FROM unnest($1::text[], $2::bigint[])
    ON CONFLICT (id) DO UPDATE SET revision = excluded.revision";

/// Applies `writes` in a transaction, as [`Repository::apply`](crate::repository::Repository::apply) does.
pub(super) async fn apply(connection: &mut Lease, writes: &[Write]) -> Result<Vec<Outcome>, Error> {
    let mut transaction = connection.begin().await?;
    let last: i64 = query_scalar(LOCK).fetch_one(&mut transaction).await?;
    let ids: BTreeSet<_> = writes.iter().flat_map(Write::ids).map(RecordId::as_str).collect();
    let stored = batch_get(&Vec::from_iter(ids), &mut transaction).await?;
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

/// Returns the records with `ids`, in their order.
pub(super) async fn batch_get(
    ids: &[&str],
    database: impl PgExecutor<'_>,
) -> Result<Vec<Arc<Metadata>>, Error> {
    row::all(query_as(BATCH_GET).bind(ids).fetch_all(database).await?)
}

async fn store(transaction: &mut Transaction<'_>, records: &[Arc<Metadata>]) -> Result<(), Error> {
    let ids: Vec<_> = records.iter().map(|put| put.id.as_str()).collect();
    let indexes: Vec<_> = records.iter().map(|put| Index::of(put.title.as_str())).collect();
    query("DELETE FROM tombstone WHERE id = ANY ($1)").bind(&ids).execute(&mut *transaction).await?;
    query(UPSERT)
        .bind(&ids)
        .bind(records.iter().map(|put| put.title.as_str()).collect::<Vec<_>>())
        .bind(records.iter().map(|put| put.description.as_str()).collect::<Vec<_>>())
        .bind(records.iter().map(|put| put.director.as_str()).collect::<Vec<_>>())
        .bind(records.iter().map(|put| put.release_year.map(year)).collect::<Vec<_>>())
        .bind(records.iter().map(|put| Json(put.genres.as_slice())).collect::<Vec<_>>())
        .bind(indexes.iter().map(whole_words).collect::<Vec<_>>())
        .bind(indexes.iter().map(|index| index.inner().join(" ")).collect::<Vec<_>>())
        .bind(records.iter().map(|put| row::number(put.revision)).collect::<Vec<_>>())
        .bind(row::number(VERSION))
        .execute(&mut *transaction)
        .await?;
    add_words(transaction, &indexes).await
}

/// Adds the words that queries are corrected to.
pub(super) async fn add_words(transaction: &mut Transaction<'_>, titles: &[Index]) -> Result<(), Error> {
    let (halves, words): (Vec<_>, Vec<_>) = search::word_halves(titles).into_iter().unzip();
    query(ADD_WORDS).bind(halves).bind(words).execute(transaction).await?;
    Ok(())
}

async fn delete(transaction: &mut Transaction<'_>, deleted: &[(RecordId, u64)]) -> Result<(), Error> {
    let ids: Vec<_> = deleted.iter().map(|(id, _)| id.as_str()).collect();
    query("DELETE FROM metadata WHERE id = ANY ($1)").bind(&ids).execute(&mut *transaction).await?;
    query(INSERT_TOMBSTONES)
        .bind(&ids)
        .bind(deleted.iter().map(|(_, revision)| row::number(*revision)).collect::<Vec<_>>())
        .execute(transaction)
        .await?;
    Ok(())
}

/// Returns the column `words` as text: the title's own words, and after an empty element those that are not counted.
pub(super) fn whole_words(index: &Index) -> String {
    let own = index.own().join(" ");
    if index.joined().is_empty() { own } else { own + "  " + &index.joined().join(" ") }
}

fn year(year: ReleaseYear) -> i32 {
    year.get().into()
}
