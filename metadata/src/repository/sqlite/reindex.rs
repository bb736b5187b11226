//! Indexing stored titles again, if the file was written with other rules.

use super::super::reindex::{BATCH, Progress};
use super::super::row;
use super::statements;
use model::search::{Index, VERSION};
use sqlx::{SqlitePool, query, query_as, query_scalar};
use storage::Error;
use storage::sqlite::Transaction;

const UPDATE: &str = "
    UPDATE metadata SET words = value ->> 1, word_count = value ->> 2
    FROM json_each($1) WHERE metadata.id = value ->> 0";

/// Indexes all titles by the rules of this program, unless they are: older and newer rules are both replaced, because
/// only this process uses the file.
pub(super) async fn run(writer: &SqlitePool) -> Result<(), Error> {
    let current = "SELECT version = $1 AND indexed_to IS NULL FROM search_index";
    if query_scalar(current).bind(VERSION).fetch_one(writer).await? {
        return Ok(());
    }
    let total = query_scalar("SELECT count(*) FROM metadata").fetch_one(writer).await?;
    let mut progress = Progress::start(total);
    loop {
        let mut transaction = Transaction::begin(writer).await?;
        let indexed = batch(&mut transaction).await?;
        transaction.commit().await?;
        let Some(indexed) = indexed else { break };
        progress.add(indexed);
    }
    progress.end();
    Ok(())
}

async fn batch(transaction: &mut Transaction<'_>) -> Result<Option<usize>, Error> {
    let (version, indexed_to): (u32, Option<String>) =
        query_as("SELECT version, indexed_to FROM search_index").fetch_one(&mut *transaction).await?;
    let start = if version == VERSION { indexed_to } else { Some(String::new()) };
    let Some(after) = start else { return Ok(None) };
    let titles: Vec<(String, String)> =
        query_as("SELECT id, title FROM metadata WHERE id > $1 ORDER BY id LIMIT $2 + 0")
            .bind(after)
            .bind(BATCH)
            .fetch_all(&mut *transaction)
            .await?;
    let indexes: Vec<_> = titles.iter().map(|(_, title)| Index::of(title)).collect();
    let rows = titles.iter().zip(&indexes);
    let rows: Vec<_> =
        rows.map(|((id, _), index)| (id, statements::column(index), index.own().len())).collect();
    query(UPDATE).bind(row::json(&rows)?).execute(&mut *transaction).await?;
    statements::add_words(transaction, &indexes).await?;
    query("UPDATE search_index SET version = $1, indexed_to = $2")
        .bind(VERSION)
        .bind(titles.last().map(|(id, _)| id))
        .execute(transaction)
        .await?;
    Ok(Some(titles.len()))
}
