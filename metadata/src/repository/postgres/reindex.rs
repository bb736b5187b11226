//! Indexing stored titles again, if they were indexed by older rules. Instances that start at the same time share the
//! work: each batch begins where the one before has ended, whatever instance that was.

use super::super::reindex::{BATCH, Progress};
use super::statements::{self, LOCK};
use fault::{Fault, Kind};
use model::search::{Index, VERSION};
use sqlx::{query, query_as, query_scalar};
use std::time::Duration;
use storage::Error;
use storage::postgres::{Pool, Transaction, WRITE_TIMEOUT, within};
use tokio::time::sleep;

/// The pause after a failed batch.
const PAUSE: Duration = Duration::from_secs(1);

const IS_CURRENT: &str = "SELECT indexed_to IS NULL AND NOT EXISTS (
        SELECT FROM metadata WHERE indexed_revision <> revision)
    FROM search_index";

/// The titles stored by instances with older rules.
const OUTDATED: &str = "SELECT id, title FROM metadata WHERE indexed_revision <> revision LIMIT $1";

const UPDATE: &str = concat!(
    "
    UPDATE metadata SET indexed_revision = revision, words = string_to_array(indexed.words, ' '),
        beginnings = ",
    statements::beginnings!("indexed"),
    "
    FROM unnest($1::text[], $2::text[], $3::text[]) AS indexed (id, words, inner_words)
    WHERE metadata.id = indexed.id"
);

/// Indexes the titles that are not indexed by the rules of this program. Titles indexed by newer rules stay: newer
/// instances use them.
pub(super) async fn run(writers: &Pool) -> Result<(), Error> {
    let version: i32 = query_scalar("SELECT version FROM search_index").fetch_one(writers).await?;
    if i64::from(version) > i64::from(VERSION) {
        tracing::warn!(
            version,
            own = VERSION,
            "titles are indexed by the rules of a newer version of this program"
        );
        return Ok(());
    }
    if i64::from(version) == i64::from(VERSION) && query_scalar(IS_CURRENT).fetch_one(writers).await? {
        return Ok(());
    }
    let total = query_scalar("SELECT count(*) FROM metadata").fetch_one(writers).await?;
    let mut progress = Progress::start(total);
    loop {
        match connection_batch(writers).await {
            Ok(Some(indexed)) => progress.add(indexed),
            Ok(None) => break,
            Err(error) if error.kind() == Kind::Unavailable => {
                tracing::warn!(%error, "titles could not be indexed: trying again");
                sleep(PAUSE).await;
            }
            Err(error) => return Err(error),
        }
    }
    progress.end();
    Ok(())
}

async fn connection_batch(writers: &Pool) -> Result<Option<usize>, Error> {
    let mut connection = writers.acquire().await?;
    let indexed = within(WRITE_TIMEOUT, async {
        let mut transaction = connection.begin().await?;
        let indexed = batch(&mut transaction).await?;
        transaction.commit().await?;
        Ok(indexed)
    });
    let indexed = indexed.await;
    connection.end(indexed)
}

async fn batch(transaction: &mut Transaction<'_>) -> Result<Option<usize>, Error> {
    query(LOCK).execute(&mut *transaction).await?;
    let (version, indexed_to): (i32, Option<String>) =
        query_as("SELECT version, indexed_to FROM search_index").fetch_one(&mut *transaction).await?;
    let own = i32::try_from(VERSION).unwrap_or(i32::MAX);
    if version > own {
        return Ok(None);
    }
    let start = if version == own { indexed_to } else { Some(String::new()) };
    let Some(after) = start else {
        let titles = query_as(OUTDATED).bind(BATCH).fetch_all(&mut *transaction).await?;
        index(transaction, &titles).await?;
        return Ok(if titles.is_empty() { None } else { Some(titles.len()) });
    };
    let titles = query_as("SELECT id, title FROM metadata WHERE id > $1 ORDER BY id LIMIT $2")
        .bind(after)
        .bind(BATCH)
        .fetch_all(&mut *transaction)
        .await?;
    index(transaction, &titles).await?;
    query("UPDATE search_index SET version = $1, indexed_to = $2")
        .bind(own)
        .bind(titles.last().map(|(id, _)| id))
        .execute(transaction)
        .await?;
    Ok(Some(titles.len()))
}

async fn index(transaction: &mut Transaction<'_>, titles: &[(String, String)]) -> Result<(), Error> {
    let indexes: Vec<_> = titles.iter().map(|(_, title)| Index::of(title)).collect();
    query(UPDATE)
        .bind(titles.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>())
        .bind(indexes.iter().map(statements::whole_words).collect::<Vec<_>>())
        .bind(indexes.iter().map(|index| index.inner().join(" ")).collect::<Vec<_>>())
        .execute(&mut *transaction)
        .await?;
    statements::add_words(transaction, &indexes).await
}
