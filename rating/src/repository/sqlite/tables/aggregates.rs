//! The table of aggregates, in the order of records, and its journal.

use crate::batch::Change;
use crate::repository::sql::TwoGenerationCache;
use memtable::{Rows, StatementBatch, Table};
use model::{Aggregate, Histogram, Prior, Record, Value};
use serde::Serialize;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use storage::Error;
use storage::sqlite::Connection;

/// The aggregates of a list of records, each as a [`TallyRow`].
pub(crate) const TALLIES: &str = "SELECT json_group_array(json_array(a.record, a.h1, a.h2, a.h3, a.h4, \
     a.h5, a.h6, a.h7, a.h8, a.h9, a.h10, a.revision)) \
     FROM json_each(?) AS n CROSS JOIN aggregate AS a ON a.record = n.value";
const PUT: Rows<'_> = Rows {
    before: "UPDATE OR FAIL aggregate SET h1 = n.column2, h2 = n.column3, h3 = n.column4, h4 = n.column5, \
         h5 = n.column6, h6 = n.column7, h7 = n.column8, h8 = n.column9, h9 = n.column10, h10 = n.column11, \
         revision = n.column12, weighted_mean = n.column13 FROM (VALUES ",
    columns: 3 + Value::COUNT,
    after: ") AS n WHERE aggregate.record = n.column1",
};
const PRIOR: &str = "SELECT prior_weight, prior_mean FROM setting";

/// How much memory the cached rows of the table may take, in bytes.
const CACHE: usize = 8 << 20;

/// About what one of these rows takes: a slot of a map that is never quite full.
const ENTRY: usize = size_of::<(i64, Tally)>() * 4 / 3;

/// Record, the ten counts, revision.
pub(crate) type TallyRow = [i64; 2 + Value::COUNT];

/// The ratings of a record, counted; there may be none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// How many ratings there are of each value.
    pub(crate) histogram: Histogram,
    /// How many writes have changed it.
    pub(crate) revision: u64,
}

impl Tally {
    /// Returns the tally after `change`.
    pub(crate) fn after(&self, change: &Change) -> Self {
        Self { histogram: change.applied_to(&self.histogram), revision: self.revision + change.revisions }
    }

    /// Returns the aggregate of `record`, unless it has no rating.
    pub(crate) fn aggregate(self, record: Record, prior: Prior) -> Option<Aggregate> {
        let Self { histogram, revision } = self;
        let weighted_mean = prior.weighted_mean(&histogram);
        (histogram.count() > 0).then_some(Aggregate { record, histogram, weighted_mean, revision })
    }
}

/// Converts a stored row into a record's key and its tally.
pub(crate) fn tally(row: TallyRow) -> (i64, Tally) {
    // The table's constraints exclude negative counts.
    let [record, counts @ .., revision] = row.map(i64::cast_unsigned);
    (record.cast_signed(), Tally { histogram: Histogram::new(counts), revision })
}

/// The table `aggregate` and its journal `aggregate_journal`.
#[derive(Debug)]
pub(crate) struct Aggregates {
    /// The stored prior, by which weighted means are computed.
    prior: RwLock<Prior>,
    /// Rows of the table that were merged or read last, for the writer: a record rated lately is rated again soon.
    rows: Mutex<TwoGenerationCache<i64, Tally>>,
}

impl Default for Aggregates {
    fn default() -> Self {
        Self { prior: RwLock::default(), rows: Mutex::new(empty()) }
    }
}

impl Aggregates {
    /// Returns the stored prior.
    pub(crate) fn prior(&self) -> Prior {
        *self.prior.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows a committed change of the prior.
    pub(crate) fn set_prior(&self, prior: Prior) {
        *self.prior.write().unwrap_or_else(PoisonError::into_inner) = prior;
    }

    /// Passes the cached rows of `records` to `take`, and returns the records that have none.
    pub(crate) fn cached(&self, mut records: Vec<i64>, mut take: impl FnMut(i64, Tally)) -> Vec<i64> {
        let mut rows = self.rows();
        records.retain(|record| match rows.get(record) {
            Some(tally) => {
                take(*record, tally);
                false
            }
            None => true,
        });
        records
    }

    /// Caches committed rows of the table.
    pub(crate) fn cache(&self, committed: &[(i64, Tally)]) {
        let mut rows = self.rows();
        committed.iter().for_each(|(record, tally)| rows.insert(*record, *tally));
    }

    fn rows(&self) -> MutexGuard<'_, TwoGenerationCache<i64, Tally>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn empty() -> TwoGenerationCache<i64, Tally> {
    TwoGenerationCache::new(CACHE, |_| ENTRY)
}

async fn stored_prior(connection: &mut Connection) -> Result<Prior, Error> {
    let (weight, mean) = sqlx::query_as(PRIOR).fetch_one(connection).await?;
    Prior::new(weight, mean).map_err(|broken| Error::row("setting", broken))
}

impl Table for Aggregates {
    type Key = i64;
    type Row = Tally;
    type Change = TallyRow;

    const JOURNAL: &'static str = "aggregate_journal";

    fn to_change((record, tally): &(i64, Tally)) -> impl Serialize + Send + Sync {
        to_row(*record, tally)
    }

    fn from_change(row: TallyRow) -> Result<(i64, Tally), Error> {
        Ok(tally(row))
    }

    async fn merge(&self, rows: &[(i64, Tally)], batch: &mut StatementBatch<'_>) -> Result<(), Error> {
        let prior = self.prior();
        batch
            .execute(PUT, rows, |(record, tally), parameters| {
                to_row(*record, tally).into_iter().try_for_each(|number| parameters.add(number))?;
                parameters.add(prior.weighted_mean(&tally.histogram))
            })
            .await?;
        Ok(())
    }

    fn merged(&self, rows: &[(i64, Tally)]) {
        self.cache(rows);
    }

    async fn is_current(&self, connection: &mut Connection) -> Result<bool, Error> {
        Ok(self.prior() == stored_prior(connection).await?)
    }

    async fn load(&self, connection: &mut Connection) -> Result<(), Error> {
        self.set_prior(stored_prior(connection).await?);
        *self.rows() = empty();
        Ok(())
    }
}

fn to_row(record: i64, tally: &Tally) -> TallyRow {
    let mut row = [0; 2 + Value::COUNT];
    row[0] = record;
    row[1..=Value::COUNT].copy_from_slice(&tally.histogram.counts().map(u64::cast_signed));
    row[1 + Value::COUNT] = tally.revision.cast_signed();
    row
}
