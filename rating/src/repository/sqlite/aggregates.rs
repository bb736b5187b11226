//! Reads of aggregates: first from memory, then from the table.

use super::statements::FIND_RECORDS;
use super::waiting::Waiting;
use crate::batch::Change;
use crate::repository::sql::{self, AggregateRow, KeyCache, NewKeys};
use crate::repository::{AfterTop, Error};
use model::{Aggregate, Histogram, Prior, Record, RecordType, Value};
use sqlx::SqlitePool;
use sqlx::types::Json;
use std::collections::HashMap;
use std::sync::Arc;

/// The aggregates of the records of a list, each as a [`TallyRow`].
pub(super) const TALLIES: &str = "SELECT json_group_array(json_array(a.record, a.h1, a.h2, a.h3, a.h4, \
     a.h5, a.h6, a.h7, a.h8, a.h9, a.h10, a.revision)) \
     FROM json_each(?) AS n CROSS JOIN aggregate AS a ON a.record = n.value";

/// Record, the ten counts, revision.
pub(super) type TallyRow = [i64; 2 + Value::COUNT];

/// What all ratings of a record come to; it may have none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// How many ratings there are of each value.
    pub(super) histogram: Histogram,
    /// How many writes have changed it.
    pub(super) revision: u64,
}

impl Tally {
    /// What it is after `change`.
    pub(super) fn after(&self, change: &Change) -> Self {
        Self { histogram: change.applied_to(&self.histogram), revision: self.revision + change.revisions }
    }

    /// What readers see of it as that of `record`: nothing without a rating.
    fn seen(self, record: Record, prior: Prior) -> Option<Aggregate> {
        let Self { histogram, revision } = self;
        let weighted_mean = prior.weighted_mean(&histogram);
        (histogram.count() > 0).then_some(Aggregate { record, histogram, weighted_mean, revision })
    }
}

/// Turns a stored row into a record's key and its tally.
pub(super) fn tally(row: TallyRow) -> (i64, Tally) {
    // The table lets none of them be negative.
    let [record, counts @ .., revision] = row.map(i64::cast_unsigned);
    (record.cast_signed(), Tally { histogram: Histogram::new(counts), revision })
}

/// Turns a record's key and its tally into a row to be stored.
pub(super) fn to_row((record, tally): &(i64, Tally)) -> TallyRow {
    let mut row = [0; 2 + Value::COUNT];
    row[0] = *record;
    row[1..=Value::COUNT].copy_from_slice(&tally.histogram.counts().map(u64::cast_signed));
    row[1 + Value::COUNT] = tally.revision.cast_signed();
    row
}

/// What the table has of `records`, which are keys.
async fn stored(readers: &SqlitePool, records: &[i64]) -> Result<Vec<(i64, Tally)>, sqlx::Error> {
    let Json(rows) = sqlx::query_scalar(TALLIES).bind(Json(records)).fetch_one(readers).await?;
    let rows: Vec<TallyRow> = rows;
    Ok(rows.into_iter().map(tally).collect())
}

/// The aggregates of those of `records` that have a rating, in their order.
pub(super) async fn aggregates(
    readers: &SqlitePool,
    waiting: &Waiting,
    known: &KeyCache,
    records: Vec<Record>,
) -> Result<Vec<Arc<Aggregate>>, Error> {
    let keys = keys(readers, known, &records).await?;
    let (keys, records): (Vec<i64>, Vec<Record>) =
        keys.into_iter().zip(records).filter_map(|(key, record)| Some((key?, record))).unzip();
    let found = waiting.aggregates.find(keys.iter().copied());
    let mut tallies = vec![Tally::default(); keys.len()];
    found.written.into_iter().for_each(|(place, tally)| tallies[place] = tally);
    if !found.others.is_empty() {
        let others: Vec<i64> = found.others.iter().map(|(_, key)| *key).collect();
        let stored: HashMap<i64, Tally> = stored(readers, &others).await?.into_iter().collect();
        for (place, key) in found.others {
            tallies[place] = stored.get(&key).copied().unwrap_or_default();
        }
    }
    let prior = waiting.prior();
    let seen = |(record, tally): (Record, Tally)| tally.seen(record, prior).map(Arc::new);
    Ok(records.into_iter().zip(tallies).filter_map(seen).collect())
}

/// The keys of `records`; none where nobody has rated one.
async fn keys(readers: &SqlitePool, known: &KeyCache, records: &[Record]) -> Result<Vec<Option<i64>>, Error> {
    let mut keys = known.records(&records.iter().collect::<Vec<&Record>>());
    let missing = sql::unresolved(&keys);
    if missing.is_empty() {
        return Ok(keys);
    }
    let names = missing.iter().map(|&place| &records[place]);
    let names: Vec<_> = names.map(|name| (name.record_type.as_str(), name.record_id.as_str())).collect();
    let found: Vec<(i64, i64)> = sqlx::query_as(FIND_RECORDS).bind(Json(names)).fetch_all(readers).await?;
    let mut learned = NewKeys::default();
    for (place, key) in found {
        let place = missing[sql::place(place)];
        keys[place] = Some(key);
        learned.records.push((records[place].clone(), key));
    }
    known.insert(learned);
    Ok(keys)
}

/// At most `limit` of the best records of a type with at least `min_count` ratings that come after `after`, as the
/// table has them: nothing may wait that they should show.
pub(super) async fn top(
    readers: &SqlitePool,
    record_type: &RecordType,
    min_count: u64,
    after: &AfterTop,
    limit: usize,
) -> Result<Vec<Aggregate>, Error> {
    let rows: Vec<AggregateRow> = sqlx::query_as(sql::LIST_TOP_RATED)
        .bind(record_type.as_str())
        .bind(sql::number(min_count))
        .bind(after.weighted_mean())
        .bind(&after.record_id)
        .bind(sql::number(limit))
        .fetch_all(readers)
        .await?;
    Ok(rows.into_iter().map(sql::aggregate).collect::<Result<_, _>>()?)
}
