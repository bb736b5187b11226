//! Reads: from memory first and then from the tables, so that a row that is merged in between is found there.

mod aggregates;
mod ratings;
mod top;

use super::statements::FIND_RECORDS;
use super::tables::Pending;
use crate::repository::Error;
use crate::repository::sql::{self, KeyCache, NewKeys};
use model::{Broken, Record, RecordId, RecordType};
use sqlx::types::Json;
use storage::sqlite::Readers;

/// The names of the keys `$1`, each with its position among them.
const RECORDS: &str = "SELECT n.key, r.record_type, r.record_id FROM json_each($1) AS n \
     CROSS JOIN record AS r ON r.key = n.value";

/// What reads use: the connections that only read, the pending rows and the key cache.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reads<'a> {
    pub(super) readers: &'a Readers,
    pub(super) pending: &'a Pending,
    pub(super) keys: &'a KeyCache,
}

impl Reads<'_> {
    /// Returns the keys of `records`; none for a record that was never rated.
    async fn keys(&self, records: &[Record]) -> Result<Vec<Option<i64>>, Error> {
        let mut keys = self.keys.records(&records.iter().collect::<Vec<&Record>>());
        let missing = sql::unresolved(&keys);
        if missing.is_empty() {
            return Ok(keys);
        }
        let names = missing.iter().map(|&place| &records[place]);
        let names: Vec<_> = names.map(|name| (name.record_type.as_str(), name.record_id.as_str())).collect();
        let found: Vec<(i64, i64)> =
            sqlx::query_as(FIND_RECORDS).bind(Json(names)).fetch_all(self.readers).await?;
        let mut new = NewKeys::default();
        for (place, key) in found {
            let place = missing[sql::place(place)];
            keys[place] = Some(key);
            new.records.push((records[place].clone(), key));
        }
        self.keys.insert(new);
        Ok(keys)
    }

    /// Returns the records of `keys`, each with its position among them.
    async fn records(&self, keys: Vec<i64>) -> Result<Vec<(usize, Record)>, Error> {
        let rows: Vec<(i64, String, String)> =
            sqlx::query_as(RECORDS).bind(Json(keys)).fetch_all(self.readers).await?;
        let record = |(place, record_type, record_id)| {
            Ok((
                sql::place(place),
                Record { record_type: RecordType::new(record_type)?, record_id: RecordId::new(record_id)? },
            ))
        };
        let records: Result<_, Broken> = rows.into_iter().map(record).collect();
        Ok(records.map_err(|broken| storage::Error::row("record", broken))?)
    }
}
