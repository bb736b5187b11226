//! The order in which a batch is applied, the same on both databases.
//!
//! What makes it right where several transactions write at once: each locks the aggregates of its records, and
//! only then, in a new statement, reads the ratings that it replaces. Without the lock two that both add a
//! user's first rating of a record would count it twice.
//!
//! What keeps them from waiting for each other in a circle: everyone goes through the same steps in the same
//! order, records, users, aggregates, partitions, and within a step takes its rows in the order of their names
//! or keys. Who waits in a step, waits for someone in that step or a later one; and within a step for a row
//! that comes after all it holds.

use super::named::Named;
use crate::batch::{Advance, Batch, Change, Held, Outcome, Plan};
use crate::repository::Error;
use async_trait::async_trait;
use model::{Rating, Record, RecordType, UserId, Value};

/// The steps of a transaction in a database's own dialect. Lists of names are sorted and without doubles.
#[async_trait]
pub(in crate::repository) trait Statements {
    /// Returns the keys of those of `records` that have one, each with its place in the list.
    async fn find_records(&mut self, records: &[&Record]) -> Result<Vec<(usize, i64)>, storage::Error>;

    /// Gives keys to `records`, which had none when they were looked for; returns the keys they have now, as
    /// `find_records` does.
    async fn add_records(&mut self, records: &[&Record]) -> Result<Vec<(usize, i64)>, storage::Error>;

    /// Returns the keys of those of `users` that have one, each with its place in the list.
    async fn find_raters(&mut self, users: &[&UserId]) -> Result<Vec<(usize, i64)>, storage::Error>;

    /// Gives keys to `users`, which had none when they were looked for; returns the keys they have now, as
    /// `find_raters` does.
    async fn add_raters(&mut self, users: &[&UserId]) -> Result<Vec<(usize, i64)>, storage::Error>;

    /// Adds empty aggregates of the records that have none.
    async fn add_aggregates(&mut self, records: &[(i64, &RecordType)]) -> Result<(), storage::Error>;

    /// Keeps every other transaction from the aggregates of `records` until the end of this one, and only then reads what
    /// is stored under pairs of rater and record; returns it with each one's place in the list. No aggregates but these
    /// may grow.
    async fn lock_and_read(
        &mut self,
        records: &[i64],
        pairs: &[Pair],
    ) -> Result<Vec<(usize, Held)>, storage::Error>;

    /// Makes the changes.
    async fn write(&mut self, changes: &Changes<'_>) -> Result<(), storage::Error>;

    /// Moves a partition's position; false where it is not where the step begins.
    async fn advance(&mut self, step: &Advance) -> Result<bool, storage::Error>;
}

/// The keys of a rater and a record, under which a rating stands.
pub(in crate::repository) type Pair = (i64, i64);

/// What a batch changes but for keys and positions, each list in the order of the keys.
#[derive(Debug)]
pub(in crate::repository) struct Changes<'a> {
    /// The ratings.
    pub(in crate::repository) rows: Vec<Changed<'a>>,
    /// The aggregates that grow.
    pub(in crate::repository) grown: Vec<Grown>,
}

/// What a batch leaves under a pair that it changes.
#[derive(Debug)]
pub(in crate::repository) struct Changed<'a> {
    /// The pair.
    pub(in crate::repository) pair: Pair,
    /// The rating; `None` where the one that is stored is to go.
    pub(in crate::repository) rating: Option<&'a Rating>,
    /// Whether a rating is stored there.
    pub(in crate::repository) held: bool,
}

/// By how much an aggregate grows.
#[derive(Clone, Copy, Debug)]
pub(in crate::repository) struct Grown {
    /// The record.
    pub(in crate::repository) record: i64,
    /// By how much.
    pub(in crate::repository) change: Change,
}

impl Grown {
    pub(in crate::repository) const COLUMNS: usize = 4 + Value::COUNT;

    /// The record, by how much the revision grows, the count, the sum, and each count of the histogram.
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

/// Does what `batch` says but for the commit; its names have their keys.
pub(in crate::repository) async fn apply(
    statements: &mut impl Statements,
    named: &Named<'_>,
    batch: &Batch,
) -> Result<Vec<Outcome>, Error> {
    let Named { keys, records, users } = named;
    let pairs: Vec<Option<Pair>> =
        keys.pairs.iter().map(|&(record, user)| users[user].zip(records[record])).collect();
    let held = held(statements, records, &pairs).await?;
    let plan = Plan::of(&batch.writes, keys, &held);
    let changes = Changes::of(&plan, records, &pairs, &held)?;
    if !changes.is_empty() {
        statements.write(&changes).await?;
    }

    let mut steps: Vec<&Advance> = batch.offsets.iter().collect();
    steps.sort_unstable_by_key(|step| &step.partition);
    for step in steps {
        if !statements.advance(step).await? {
            return Err(Error::Fenced(step.partition.clone()));
        }
    }
    Ok(plan.outcomes)
}

async fn held(
    statements: &mut impl Statements,
    records: &[Option<i64>],
    pairs: &[Option<Pair>],
) -> Result<Vec<Option<Held>>, storage::Error> {
    let mut held = vec![None; pairs.len()];
    let mut locked: Vec<i64> = records.iter().flatten().copied().collect();
    locked.sort_unstable();
    let mut asked: Vec<(usize, Pair)> =
        pairs.iter().enumerate().filter_map(|(place, pair)| Some((place, (*pair)?))).collect();
    // Neighbours in the table's tree are read one after the other.
    asked.sort_unstable_by_key(|(_, pair)| *pair);
    let (places, asked): (Vec<usize>, Vec<Pair>) = asked.into_iter().unzip();
    if !locked.is_empty() {
        for (place, found) in statements.lock_and_read(&locked, &asked).await? {
            held[places[place]] = Some(found);
        }
    }
    Ok(held)
}

impl<'a> Changes<'a> {
    fn of(
        plan: &Plan<'a>,
        records: &[Option<i64>],
        pairs: &[Option<Pair>],
        held: &[Option<Held>],
    ) -> Result<Self, storage::Error> {
        let changed = |&(place, rating): &(usize, Option<&'a Rating>)| {
            let pair = pairs[place].ok_or_else(|| storage::Error::row("rating", "it got no key"))?;
            Ok(Changed { pair, rating, held: held[place].is_some() })
        };
        let mut rows = plan.rows.iter().map(changed).collect::<Result<Vec<_>, storage::Error>>()?;
        let grown = records.iter().zip(&plan.changes).filter(|(_, change)| change.revisions > 0);
        let mut grown: Vec<Grown> =
            grown.filter_map(|(record, &change)| Some(Grown { record: (*record)?, change })).collect();
        // Neighbours in the tables' trees are written one after the other.
        rows.sort_unstable_by_key(|changed| changed.pair);
        grown.sort_unstable_by_key(|grown| grown.record);
        Ok(Self { rows, grown })
    }

    const fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.grown.is_empty()
    }
}
