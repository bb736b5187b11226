//! The table of ratings, in the order of raters and records, and its journal.

use crate::batch::StoredRating;
use crate::repository::sql::{self, Pair};
use memtable::{Rows, StatementBatch, Table};
use serde::Serialize;
use storage::Error;

// `OR FAIL`: a failure is undone with its transaction, so a statement need not keep what would undo it alone.
const PUT: Rows<'_> = Rows {
    before: "INSERT OR FAIL INTO rating (rater, record, provider_id, value, rated_at) VALUES ",
    columns: 5,
    after: " ON CONFLICT (rater, record) DO UPDATE SET \
     provider_id = excluded.provider_id, value = excluded.value, rated_at = excluded.rated_at",
};
const DELETE: Rows<'_> =
    Rows { before: "DELETE FROM rating WHERE (rater, record) IN (VALUES ", columns: 2, after: ")" };

/// A pair of rater and record with the rating that a write left; `None` if it left none.
pub(crate) type WrittenRating = (Pair, Option<StoredRating>);

/// The table `rating` and its journal `journal`.
#[derive(Debug)]
pub(crate) struct Ratings;

impl Table for Ratings {
    type Key = Pair;
    type Row = Option<StoredRating>;
    /// Rater, record, value, provider, time; no value if the rating is deleted.
    type Change = (i64, i64, Option<i64>, Option<String>, i64);

    const JOURNAL: &'static str = "journal";

    fn to_change(((rater, record), rating): &WrittenRating) -> impl Serialize + Send + Sync {
        match rating {
            Some(StoredRating { value, provider_id, rated_at }) => {
                let provider = provider_id.as_ref().map(|id| id.as_str());
                (*rater, *record, Some(value.get()), provider, rated_at.as_millis())
            }
            None => (*rater, *record, None, None, 0),
        }
    }

    fn from_change((rater, record, value, provider, rated_at): Self::Change) -> Result<WrittenRating, Error> {
        let rating = value.map(|value| sql::stored((0, value, provider, rated_at))).transpose()?;
        Ok(((rater, record), rating.map(|(_, rating)| rating)))
    }

    async fn merge(&self, rows: &[WrittenRating], batch: &mut StatementBatch<'_>) -> Result<(), Error> {
        let (put, deleted): (Vec<&WrittenRating>, Vec<&WrittenRating>) =
            rows.iter().partition(|(_, rating)| rating.is_some());
        batch
            .execute(PUT, &put, |((rater, record), rating), parameters| {
                parameters.add(*rater)?;
                parameters.add(*record)?;
                let rating = rating.as_ref();
                parameters.add(
                    rating.and_then(|rating| rating.provider_id.as_ref()).map(|id| id.as_str().to_owned()),
                )?;
                parameters.add(rating.map(|rating| rating.value.get()))?;
                parameters.add(rating.map(|rating| rating.rated_at.as_millis()))
            })
            .await?;
        batch
            .execute(DELETE, &deleted, |((rater, record), _), parameters| {
                parameters.add(*rater)?;
                parameters.add(*record)
            })
            .await?;
        Ok(())
    }
}
