//! Reads of single ratings and of a user's: from memory first and then from the table, so that what is merged in
//! between is seen there.

use super::waiting::{Waiting, Written};
use crate::batch::StoredRating;
use crate::repository::sql::{self, KeyCache, Pair, RatingRow, StoredRow};
use crate::repository::{AfterRating, Error};
use model::{Rating, Record, RecordType, UserId};
use sqlx::SqlitePool;
use sqlx::types::Json;
use std::collections::HashMap;

/// The keys of user `$1` and of record type `$2` and id `$3`.
const KEYS: &str = "SELECT u.key, r.key FROM rater AS u CROSS JOIN record AS r \
     WHERE u.user_id = $1 AND r.record_type = $2 AND r.record_id = $3";
const RATER: &str = "SELECT key FROM rater WHERE user_id = $1";
/// The rating by rater `$1` of record `$2`; the place in the list is that of the only one.
const RATING: &str = "SELECT 0, value, provider_id, rated_at FROM rating WHERE rater = $1 AND record = $2";
/// As `sql::list_user_ratings!`, without those of the records `$7`.
const RATINGS: &str = sql::list_user_ratings!(" AND g.record NOT IN (SELECT value FROM json_each($7))");
const RECORDS: &str =
    "SELECT key, record_type, record_id FROM record WHERE key IN (SELECT value FROM json_each($1))";

/// The user's rating of `record`, if there is one.
pub(super) async fn rating(
    readers: &SqlitePool,
    waiting: &Waiting,
    known: &KeyCache,
    record: &Record,
    user: &UserId,
) -> Result<Option<Rating>, Error> {
    let Some(pair) = pair(readers, known, record, user).await? else { return Ok(None) };
    let held = match waiting.ratings.get(pair) {
        Some(written) => written,
        None => {
            let (rater, record) = pair;
            let row: Option<StoredRow> =
                sqlx::query_as(RATING).bind(rater).bind(record).fetch_optional(readers).await?;
            row.map(sql::stored).transpose()?.map(|(_, held)| held)
        }
    };
    Ok(held.map(|held| held.by(user, record)))
}

/// The keys of a user and a record, where both have one.
async fn pair(
    readers: &SqlitePool,
    known: &KeyCache,
    record: &Record,
    user: &UserId,
) -> Result<Option<Pair>, Error> {
    if let ([Some(rater)], [Some(record)]) = (&known.users(&[user])[..], &known.records(&[record])[..]) {
        return Ok(Some((*rater, *record)));
    }
    let keys = sqlx::query_as(KEYS)
        .bind(user.as_str())
        .bind(record.record_type.as_str())
        .bind(record.record_id.as_str());
    Ok(keys.fetch_optional(readers).await?)
}

/// At most `limit` of the user's ratings that come after `after`, of all types or one.
pub(super) async fn ratings(
    readers: &SqlitePool,
    waiting: &Waiting,
    user: &UserId,
    record_type: Option<&RecordType>,
    after: &AfterRating,
    limit: usize,
) -> Result<Vec<Rating>, Error> {
    let rater = sqlx::query_scalar(RATER).bind(user.as_str()).fetch_optional(readers).await?;
    let Some(rater) = rater else { return Ok(Vec::new()) };
    let written = waiting.ratings.range((rater, i64::MIN)..=(rater, i64::MAX));
    let records: Vec<i64> = written.iter().map(|((_, record), _)| *record).collect();
    let rows: Vec<RatingRow> = sqlx::query_as(RATINGS)
        .bind(user.as_str())
        .bind(record_type.map(RecordType::as_str))
        .bind(after.rated_at)
        .bind(&after.record_type)
        .bind(&after.record_id)
        .bind(sql::number(limit))
        .bind(Json(&records))
        .fetch_all(readers)
        .await?;
    let mut ratings = rows.into_iter().map(sql::rating).collect::<Result<Vec<Rating>, _>>()?;
    ratings.extend(named(readers, user, written).await?);
    Ok(after.page(ratings, record_type, limit))
}

/// The ratings that were written, by their names.
async fn named(readers: &SqlitePool, user: &UserId, written: Vec<Written>) -> Result<Vec<Rating>, Error> {
    let mut held: HashMap<i64, StoredRating> =
        written.into_iter().filter_map(|((_, record), held)| Some((record, held?))).collect();
    if held.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<i64> = held.keys().copied().collect();
    let records: Vec<(i64, String, String)> =
        sqlx::query_as(RECORDS).bind(Json(keys)).fetch_all(readers).await?;
    let ratings = records.into_iter().filter_map(|(key, record_type, record_id)| {
        let StoredRating { value, provider_id, rated_at } = held.remove(&key)?;
        let provider = provider_id.map(|id| id.as_str().to_owned());
        let user = user.as_str().to_owned();
        Some(sql::rating((record_type, record_id, user, value.get().into(), provider, rated_at.as_millis())))
    });
    Ok(ratings.collect::<Result<_, _>>()?)
}
