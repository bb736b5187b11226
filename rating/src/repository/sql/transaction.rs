//! The steps of the transaction that applies a batch, in the same order on both databases.
//!
//! Isolation of concurrent transactions: each one locks the aggregates of its records and only then, in a new
//! statement, reads the ratings that it replaces. Without the lock, two transactions that both add a user's first
//! rating of a record would count it twice.
//!
//! Freedom from deadlocks: all transactions run the same steps in the same order (records, users, aggregates,
//! partitions), and within a step lock rows in the order of their names or keys. A transaction therefore waits only
//! for another one in the same step or a later one, and within a step only for a row that sorts after all rows that
//! it has locked.

use super::keys::ResolvedKeys;
use crate::batch::{Advance, Batch, Change, Outcome, Plan, StoredRating};
use crate::repository::Error;
use async_trait::async_trait;
use model::{Rating, Value};

/// The statements of the steps, in the dialect of a database.
#[async_trait]
pub(in crate::repository) trait Statements {
    /// Locks the aggregates of `records` until the end of the transaction, and then reads the ratings stored under
    /// `pairs`; returns each with the index of its pair. Only these aggregates may be changed.
    async fn lock_and_read(
        &mut self,
        records: &[i64],
        pairs: &[Pair],
    ) -> Result<Vec<(usize, StoredRating)>, storage::Error>;

    /// Writes the changes.
    async fn write(&mut self, changes: &Changes<'_>) -> Result<(), storage::Error>;

    /// Advances a partition's position; returns false if the stored position is not the expected one.
    async fn advance(&mut self, advance: &Advance) -> Result<bool, storage::Error>;
}

/// The keys of a user and a record, which identify a rating.
pub(in crate::repository) type Pair = (i64, i64);

/// The changes of a batch, without keys and positions. Each list is in the order of the keys.
#[derive(Debug)]
pub(in crate::repository) struct Changes<'a> {
    /// The ratings.
    pub(in crate::repository) rows: Vec<Changed<'a>>,
    /// The aggregates.
    pub(in crate::repository) grown: Vec<Grown>,
}

/// The change of a rating.
#[derive(Debug)]
pub(in crate::repository) struct Changed<'a> {
    /// The pair.
    pub(in crate::repository) pair: Pair,
    /// The new rating; `None` if the stored one is deleted.
    pub(in crate::repository) rating: Option<&'a Rating>,
    /// Whether a rating is stored under the pair.
    pub(in crate::repository) stored: bool,
}

/// The change of an aggregate.
#[derive(Clone, Copy, Debug)]
pub(in crate::repository) struct Grown {
    /// The record.
    pub(in crate::repository) record: i64,
    /// The differences to add.
    pub(in crate::repository) change: Change,
}

impl Grown {
    pub(in crate::repository) const COLUMNS: usize = 4 + Value::COUNT;

    /// Returns the record, and the differences of the revision, the count, the sum and each count of the histogram.
    pub(in crate::repository) fn columns(&self) -> [i64; Self::COLUMNS] {
        let counts = self.change.counts;
        let mut columns = [0; Self::COLUMNS];
        columns[0] = self.record;
        columns[1] = self.change.revisions.cast_signed();
        columns[2] = counts.iter().sum();
        columns[3] = counts.iter().zip(1..).map(|(count, value)| count * value).sum();
        columns[4..].copy_from_slice(&counts);
        columns
    }
}

/// Applies `batch`, whose keys are resolved. The caller commits.
pub(in crate::repository) async fn apply(
    statements: &mut impl Statements,
    resolved: &ResolvedKeys<'_>,
    batch: &Batch,
) -> Result<Vec<Outcome>, Error> {
    let ResolvedKeys { names, records, users } = resolved;
    let pairs: Vec<Option<Pair>> =
        names.pairs.iter().map(|&(record, user)| users[user].zip(records[record])).collect();
    let stored = lock_and_read(statements, records, &pairs).await?;
    let plan = Plan::of(&batch.writes, names, &stored);
    let changes = Changes::of(&plan, records, &pairs, &stored)?;
    if !changes.is_empty() {
        statements.write(&changes).await?;
    }

    let mut advances: Vec<&Advance> = batch.offsets.iter().collect();
    advances.sort_unstable_by_key(|advance| &advance.partition);
    for advance in advances {
        if !statements.advance(advance).await? {
            return Err(Error::Fenced(advance.partition.clone()));
        }
    }
    Ok(plan.outcomes)
}

/// Returns the stored rating of each pair.
async fn lock_and_read(
    statements: &mut impl Statements,
    records: &[Option<i64>],
    pairs: &[Option<Pair>],
) -> Result<Vec<Option<StoredRating>>, storage::Error> {
    let mut stored = vec![None; pairs.len()];
    let mut locked: Vec<i64> = records.iter().flatten().copied().collect();
    locked.sort_unstable();
    let mut sorted: Vec<(usize, Pair)> =
        pairs.iter().enumerate().filter_map(|(index, pair)| Some((index, (*pair)?))).collect();
    // In the order of the table, so that rows of the same page are read one after the other.
    sorted.sort_unstable_by_key(|(_, pair)| *pair);
    let (indexes, sorted): (Vec<usize>, Vec<Pair>) = sorted.into_iter().unzip();
    if !locked.is_empty() {
        for (index, rating) in statements.lock_and_read(&locked, &sorted).await? {
            stored[indexes[index]] = Some(rating);
        }
    }
    Ok(stored)
}

impl<'a> Changes<'a> {
    fn of(
        plan: &Plan<'a>,
        records: &[Option<i64>],
        pairs: &[Option<Pair>],
        stored: &[Option<StoredRating>],
    ) -> Result<Self, storage::Error> {
        let changed = |&(index, rating): &(usize, Option<&'a Rating>)| {
            let pair = pairs[index].ok_or_else(|| storage::Error::row("rating", "it got no key"))?;
            Ok(Changed { pair, rating, stored: stored[index].is_some() })
        };
        let mut rows = plan.rows.iter().map(changed).collect::<Result<Vec<_>, storage::Error>>()?;
        let grown = records.iter().zip(&plan.changes).filter(|(_, change)| change.revisions > 0);
        let mut grown: Vec<Grown> =
            grown.filter_map(|(record, &change)| Some(Grown { record: (*record)?, change })).collect();
        // In the order of the tables, so that rows of the same page are written one after the other.
        rows.sort_unstable_by_key(|changed| changed.pair);
        grown.sort_unstable_by_key(|grown| grown.record);
        Ok(Self { rows, grown })
    }

    const fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.grown.is_empty()
    }
}
