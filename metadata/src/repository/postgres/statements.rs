//! The statements of a transaction that writes.

use super::batch_get;
use crate::repository::Stored;
use crate::repository::group::{Group, Write, Written};
use crate::repository::row;
use model::{RecordId, ReleaseYear, search};
use sqlx::types::Json;
use sqlx::{PgConnection, query, query_scalar};
use std::collections::BTreeSet;
use storage::Error;

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

const BURY: &str = "
    INSERT INTO tombstone (id, revision) SELECT * FROM unnest($1::text[], $2::bigint[])
    ON CONFLICT (id) DO UPDATE SET revision = excluded.revision";

/// Makes `writes`, one after the other as it looks, but for the commit.
pub(super) async fn write(transaction: &mut PgConnection, writes: &[Write]) -> Result<Vec<Written>, Error> {
    let last: i64 = query_scalar(LOCK).fetch_one(&mut *transaction).await?;
    let ids: BTreeSet<_> = writes.iter().flat_map(Write::ids).map(RecordId::as_str).collect();
    let stored = batch_get(&Vec::from_iter(ids), &mut *transaction).await?;
    let group = Group::of(writes, stored, last.unsigned_abs());
    if !group.stored.is_empty() {
        store(transaction, &group.stored).await?;
    }
    if !group.deleted.is_empty() {
        delete(transaction, &group.deleted).await?;
    }
    if group.last > last.unsigned_abs() {
        query("UPDATE revision SET last = $1").bind(row::number(group.last)).execute(transaction).await?;
    }
    Ok(group.written)
}

async fn store(transaction: &mut PgConnection, records: &[Stored]) -> Result<(), Error> {
    let ids: Vec<_> = records.iter().map(|put| put.id.as_str()).collect();
    query("DELETE FROM tombstone WHERE id = ANY ($1)").bind(&ids).execute(&mut *transaction).await?;
    query(UPSERT)
        .bind(&ids)
        .bind(records.iter().map(|put| put.title.as_str()).collect::<Vec<_>>())
        .bind(records.iter().map(|put| put.description.as_str()).collect::<Vec<_>>())
        .bind(records.iter().map(|put| put.director.as_str()).collect::<Vec<_>>())
        .bind(records.iter().map(|put| put.release_year.map(year)).collect::<Vec<_>>())
        .bind(records.iter().map(|put| Json(put.genres.as_slice())).collect::<Vec<_>>())
        .bind(records.iter().map(|put| search::words(put.title.as_str()).join(" ")).collect::<Vec<_>>())
        .bind(records.iter().map(|put| row::number(put.revision)).collect::<Vec<_>>())
        .execute(transaction)
        .await?;
    Ok(())
}

async fn delete(transaction: &mut PgConnection, deleted: &[(RecordId, u64)]) -> Result<(), Error> {
    let ids: Vec<_> = deleted.iter().map(|(id, _)| id.as_str()).collect();
    query("DELETE FROM metadata WHERE id = ANY ($1)").bind(&ids).execute(&mut *transaction).await?;
    query(BURY)
        .bind(&ids)
        .bind(deleted.iter().map(|(_, revision)| row::number(*revision)).collect::<Vec<_>>())
        .execute(transaction)
        .await?;
    Ok(())
}

fn year(year: ReleaseYear) -> i32 {
    year.get().into()
}
