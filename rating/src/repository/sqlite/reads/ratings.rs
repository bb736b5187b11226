//! Reads of single ratings and of a user's ratings.

use super::Reads;
use crate::batch::StoredRating;
use crate::repository::sql::{self, Pair, RatingRow, StoredRow};
use crate::repository::sqlite::tables::WrittenRating;
use crate::repository::{AfterRating, Error, UserRatings};
use model::{Rating, Record, RecordType, UserId};
use sqlx::types::Json;

/// The keys of user `$1` and of record type `$2` and id `$3`.
const KEYS: &str = "SELECT u.key, r.key FROM rater AS u CROSS JOIN record AS r \
     WHERE u.user_id = $1 AND r.record_type = $2 AND r.record_id = $3";
const RATER: &str = "SELECT key FROM rater WHERE user_id = $1";
/// The rating by rater `$1` of record `$2`, as the first of a list.
const RATING: &str = "SELECT 0, value, provider_id, rated_at FROM rating WHERE rater = $1 AND record = $2";
/// Like `sql::list_user_ratings!`, without those of the records `$7`.
const RATINGS: &str = sql::list_user_ratings!(" AND g.record NOT IN (SELECT value FROM json_each($7))");

impl Reads<'_> {
    /// Returns the user's rating of `record`, if there is one.
    pub(crate) async fn get_rating(&self, record: &Record, user: &UserId) -> Result<Option<Rating>, Error> {
        let Some(pair) = self.pair(record, user).await? else { return Ok(None) };
        let rating = match self.pending.ratings.get(pair) {
            Some(written) => written,
            None => {
                let (rater, record) = pair;
                let row: Option<StoredRow> =
                    sqlx::query_as(RATING).bind(rater).bind(record).fetch_optional(self.readers).await?;
                row.map(sql::stored).transpose()?.map(|(_, rating)| rating)
            }
        };
        Ok(rating.map(|rating| rating.by(user, record)))
    }

    /// Returns the keys of a user and a record, if both have one.
    async fn pair(&self, record: &Record, user: &UserId) -> Result<Option<Pair>, Error> {
        let cached = (self.keys.users(&[user]), self.keys.records(&[record]));
        if let ([Some(rater)], [Some(record)]) = (&cached.0[..], &cached.1[..]) {
            return Ok(Some((*rater, *record)));
        }
        let keys = sqlx::query_as(KEYS)
            .bind(user.as_str())
            .bind(record.record_type.as_str())
            .bind(record.record_id.as_str());
        Ok(keys.fetch_optional(self.readers).await?)
    }

    /// Returns a page of a user's ratings.
    pub(crate) async fn list_user_ratings(&self, list: UserRatings<'_>) -> Result<Vec<Rating>, Error> {
        let start = AfterRating::start();
        let (user, after) = (list.user, list.after.unwrap_or(&start));
        let rater = sqlx::query_scalar(RATER).bind(user.as_str()).fetch_optional(self.readers).await?;
        let Some(rater) = rater else { return Ok(Vec::new()) };
        let written = self.pending.ratings.range((rater, i64::MIN)..=(rater, i64::MAX));
        let records: Vec<i64> = written.iter().map(|((_, record), _)| *record).collect();
        let rows: Vec<RatingRow> = sqlx::query_as(RATINGS)
            .bind(user.as_str())
            .bind(list.record_type.map(RecordType::as_str))
            .bind(after.rated_at)
            .bind(&after.record_type)
            .bind(&after.record_id)
            .bind(sql::number(list.limit))
            .bind(Json(&records))
            .fetch_all(self.readers)
            .await?;
        let mut ratings = rows.into_iter().map(sql::rating).collect::<Result<Vec<Rating>, _>>()?;
        ratings.extend(self.named(user, written).await?);
        Ok(list.page(ratings))
    }

    /// Returns pending ratings with the names of their records.
    async fn named(&self, user: &UserId, written: Vec<WrittenRating>) -> Result<Vec<Rating>, Error> {
        let (keys, ratings): (Vec<i64>, Vec<StoredRating>) =
            written.into_iter().filter_map(|((_, record), rating)| Some((record, rating?))).unzip();
        if ratings.is_empty() {
            return Ok(Vec::new());
        }
        let records = self.records(keys).await?;
        Ok(records.into_iter().map(|(place, record)| ratings[place].by(user, &record)).collect())
    }
}
