//! Metadata and ranks as rows of a database, for both dialects.

use model::search::{Query, Rank, Term};
use model::{Genres, Metadata, RecordId, ReleaseYear, Text, Title};
use serde::Serialize;
use std::sync::Arc;
use storage::Error;

/// A row: id, title, description, director, release year, genres as JSON, revision.
pub(super) type Row = (String, String, String, String, Option<i64>, String, i64);

/// Converts a row into a record; the error for a row that breaks a rule names it.
pub(super) fn metadata(row: Row) -> Result<Arc<Metadata>, Error> {
    let (id, title, description, director, release_year, genres, revision) = row;
    let name = format!("metadata {id:?}");
    let broken = |reason: &dyn ToString| Error::row(&name, reason.to_string());
    let genres: Vec<String> = serde_json::from_str(&genres).map_err(|error| broken(&error))?;
    Ok(Arc::new(Metadata {
        id: RecordId::new(id).map_err(|rule| broken(&rule.at("id")))?,
        title: Title::new(title).map_err(|rule| broken(&rule.at("title")))?,
        description: Text::description(description).map_err(|rule| broken(&rule.at("description")))?,
        director: Text::director(director).map_err(|rule| broken(&rule.at("director")))?,
        release_year: release_year
            .map(ReleaseYear::new)
            .transpose()
            .map_err(|rule| broken(&rule.at("release_year")))?,
        genres: Genres::new(genres).map_err(|rule| broken(&rule.at("genres")))?,
        revision: revision.try_into().map_err(|error| broken(&error))?,
    }))
}

/// Converts all rows.
pub(super) fn all(rows: Vec<Row>) -> Result<Vec<Arc<Metadata>>, Error> {
    rows.into_iter().map(metadata).collect()
}

/// Converts a row of a search: the number of whole words matched, the number of words in the title, and the id.
pub(super) fn rank((whole, words, id): (i64, i64, String)) -> Rank {
    Rank::new(whole.unsigned_abs(), words.unsigned_abs(), id)
}

/// Returns the key after which a page of a search starts, as SQL compares it: whole words negated, so that all three
/// parts ascend. The key of the first page is less than that of every row.
pub(super) fn key(after: Option<&Rank>) -> (i64, i64, &str) {
    after.map_or((i64::MIN, 0, ""), |rank| (-number(rank.whole()), number(rank.words()), rank.id()))
}

/// Returns the texts of the terms of each word of `query`.
pub(super) fn texts(query: &Query) -> Vec<Vec<&str>> {
    query.words().iter().map(|word| word.terms().iter().map(Term::text).collect()).collect()
}

/// Converts a count or revision to the databases' type.
pub(super) fn number(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

/// Returns `value` as JSON, for a statement that takes a batch as one parameter.
pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()).into())
}
