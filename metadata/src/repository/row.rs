//! How metadata stands in a database's row, and back through the model's rules.

use model::search::Rank;
use model::{Genres, Metadata, RecordId, ReleaseYear, Text, Title};
use serde::Serialize;
use std::sync::Arc;
use storage::Error;

/// A row: id, title, description, director, release year, genres as JSON, revision.
pub(super) type Row = (String, String, String, String, Option<i64>, String, i64);
/// A row that a search has found: the row's columns, then how many words were hit whole, and the title's words.
pub(super) type Found = (String, String, String, String, Option<i64>, String, i64, i64, i64);

/// Makes a noun of a row; a row that breaks a rule is an error that names it.
pub(super) fn metadata(row: Row) -> Result<Metadata, Error> {
    let (id, title, description, director, release_year, genres, revision) = row;
    let name = format!("metadata {id:?}");
    let broken = |reason: &dyn ToString| Error::row(&name, reason.to_string());
    let genres: Vec<String> = serde_json::from_str(&genres).map_err(|error| broken(&error))?;
    Ok(Metadata {
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
    })
}

/// Makes records of all rows.
pub(super) fn all(rows: Vec<Row>) -> Result<Vec<Arc<Metadata>>, Error> {
    rows.into_iter().map(|row| metadata(row).map(Into::into)).collect()
}

/// Makes records with their ranks of all rows.
pub(super) fn all_found(rows: Vec<Found>) -> Result<Vec<(Arc<Metadata>, Rank)>, Error> {
    rows.into_iter()
        .map(|(id, title, description, director, release_year, genres, revision, whole, words)| {
            let rank = Rank::new(whole.unsigned_abs(), words.unsigned_abs(), id.clone());
            let row = (id, title, description, director, release_year, genres, revision);
            Ok((metadata(row)?.into(), rank))
        })
        .collect()
}

/// The key after which a page of a search starts, as SQL compares it: hits negated, so that all three grow.
/// The first page starts after a key that no row has.
pub(super) fn key(after: Option<&Rank>) -> (i64, i64, &str) {
    after.map_or((i64::MIN, 0, ""), |rank| (-number(rank.whole()), number(rank.words()), rank.id()))
}

/// A count or revision as databases have it.
pub(super) fn number(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

/// Returns `value` as JSON, for a statement that takes a batch as one parameter.
pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()).into())
}
