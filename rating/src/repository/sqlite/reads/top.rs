//! The list of the best records: the index of weighted means, merged with the pending aggregates.

use super::Reads;
use crate::repository::sql::{self, AggregateRow};
use crate::repository::sqlite::tables::Tally;
use crate::repository::{AfterTop, Error, TopRated};
use model::{Aggregate, RecordType};
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row};
use std::cmp::Ordering;

/// Which column of `sql::LIST_TOP_RATED` is the record's key.
const KEY: usize = 14;

/// A pending aggregate: weighted mean, record, tally.
type Candidate = (f64, i64, Tally);

impl Reads<'_> {
    /// Returns a page of the top rated records.
    pub(crate) async fn list_top_rated(&self, list: TopRated<'_>) -> Result<Vec<Aggregate>, Error> {
        let TopRated { record_type, min_count, after, limit } = list;
        let start = AfterTop::start();
        let after = after.unwrap_or(&start);
        let prior = self.pending.aggregates.table().prior();
        let (overlay, candidates) = self.pending.aggregates.overlay(|record, tally| {
            let count = tally.histogram.count();
            if count == 0 || count < min_count {
                return None;
            }
            let weighted_mean = prior.weighted_mean(&tally.histogram);
            (weighted_mean <= after.weighted_mean()).then_some((weighted_mean, record, *tally))
        });
        let pending = self.best(record_type, candidates, after, limit).await?;
        let query = |size| async move {
            let rows = sqlx::query(sql::LIST_TOP_RATED)
                .bind(record_type.as_str())
                .bind(sql::number(min_count))
                .bind(after.weighted_mean())
                .bind(&after.record_id)
                .bind(sql::number(size))
                .fetch_all(self.readers)
                .await?;
            rows.iter().map(keyed).collect()
        };
        overlay.page(limit, pending, query, compare).await
    }

    /// Returns the first `limit` of `candidates` that are of type `record_type` and come after `after`, and maybe some more.
    /// A memtable does not know the names of its records; they are read for as few as possible.
    async fn best(
        &self,
        record_type: &RecordType,
        candidates: Vec<Candidate>,
        after: &AfterTop,
        limit: usize,
    ) -> Result<Vec<Aggregate>, Error> {
        let (mut rest, mut best, mut size) = (candidates, Vec::new(), limit);
        while !rest.is_empty() && best.len() < limit {
            let nth = size.min(rest.len()) - 1;
            let last = rest.select_nth_unstable_by(nth, |(a, ..), (b, ..)| b.total_cmp(a)).1.0;
            // Records with the same weighted mean are ordered by their ids, which are not known yet.
            let (some, others): (Vec<Candidate>, _) = rest.into_iter().partition(|(mean, ..)| *mean >= last);
            let keys: Vec<i64> = some.iter().map(|(_, key, _)| *key).collect();
            for (place, record) in self.records(keys).await? {
                let (weighted_mean, _, Tally { histogram, revision }) = some[place];
                let aggregate = Aggregate { record, histogram, weighted_mean, revision };
                let is_asked = aggregate.record.record_type == *record_type;
                if is_asked && AfterTop::of(&aggregate).order(after).is_gt() {
                    best.push(aggregate);
                }
            }
            (rest, size) = (others, 2 * size);
        }
        Ok(best)
    }
}

/// Orders aggregates as `sql::LIST_TOP_RATED` does.
fn compare(a: &Aggregate, b: &Aggregate) -> Ordering {
    let by_mean = b.weighted_mean.total_cmp(&a.weighted_mean);
    by_mean.then_with(|| a.record.record_id.cmp(&b.record.record_id))
}

fn keyed(row: &SqliteRow) -> Result<(i64, Aggregate), Error> {
    Ok((row.try_get(KEY)?, sql::aggregate(AggregateRow::from_row(row)?)?))
}
