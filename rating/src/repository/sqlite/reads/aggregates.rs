//! Reads of the aggregates of given records.

use super::Reads;
use crate::repository::Error;
use crate::repository::sqlite::tables::{TALLIES, Tally, TallyRow, tally};
use model::{Aggregate, Record};
use sqlx::types::Json;
use std::collections::HashMap;
use std::sync::Arc;

impl Reads<'_> {
    /// Returns the aggregates of those of `records` that have a rating, in their order.
    pub(crate) async fn batch_get_aggregates(
        &self,
        records: Vec<Record>,
    ) -> Result<Vec<Arc<Aggregate>>, Error> {
        let keys = self.keys(&records).await?;
        let (keys, records): (Vec<i64>, Vec<Record>) =
            keys.into_iter().zip(records).filter_map(|(key, record)| Some((key?, record))).unzip();
        let found = self.pending.aggregates.find(keys.iter().copied());
        let mut tallies = vec![Tally::default(); keys.len()];
        found.pending.into_iter().for_each(|(place, tally)| tallies[place] = tally);
        if !found.others.is_empty() {
            let others: Vec<i64> = found.others.iter().map(|(_, key)| *key).collect();
            let stored = self.stored(&others).await?;
            for (place, key) in found.others {
                tallies[place] = stored.get(&key).copied().unwrap_or_default();
            }
        }
        let prior = self.pending.aggregates.table().prior();
        let aggregate = |(record, tally): (Record, Tally)| tally.aggregate(record, prior).map(Arc::new);
        Ok(records.into_iter().zip(tallies).filter_map(aggregate).collect())
    }

    /// Returns the table's rows of `records`, which are keys.
    async fn stored(&self, records: &[i64]) -> Result<HashMap<i64, Tally>, sqlx::Error> {
        let Json(rows) = sqlx::query_scalar(TALLIES).bind(Json(records)).fetch_one(self.readers).await?;
        let rows: Vec<TallyRow> = rows;
        Ok(rows.into_iter().map(tally).collect())
    }
}
