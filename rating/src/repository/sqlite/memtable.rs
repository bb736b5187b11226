//! Ratings that were written lately and don't stand in the table yet: in memory, in the table's order, and safe in the
//! journal. What comes next in that order is merged into the table with each batch, so that what many batches wrote to
//! a page goes there at once (a log-structured merge-tree of two levels with a rolling merge: O'Neil et al., 1996).

mod journal;

pub(super) use journal::{Journal, Loading, Step};

use crate::batch::Held;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The keys of a rater and a record, under which a rating stands.
pub(super) type Pair = (i64, i64);

/// A pair with what a write left there; `None` where that is nothing.
pub(super) type Row = (Pair, Option<Held>);

/// What the memtable knows of a list of pairs, each with its place there.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The ratings that were written.
    pub(super) held: Vec<(usize, Held)>,
    /// The pairs of which the table knows.
    pub(super) others: Vec<(usize, Pair)>,
}

/// How many rows are written at a time, so that no reader waits for long.
const AT_A_TIME: usize = 500;

/// The rows that stand before those of the table.
#[derive(Debug, Default)]
pub(super) struct Memtable(RwLock<BTreeMap<Pair, Option<Held>>>);

impl Memtable {
    /// What was written under `pair`; `None` where the table knows.
    pub(super) fn get(&self, pair: Pair) -> Option<Option<Held>> {
        self.rows().get(&pair).cloned()
    }

    /// What was written under each of `pairs`.
    pub(super) fn held(&self, pairs: &[Pair]) -> Found {
        let (rows, mut found) = (self.rows(), Found::default());
        for (place, pair) in pairs.iter().enumerate() {
            match rows.get(pair) {
                Some(row) => found.held.extend(row.clone().map(|row| (place, row))),
                None => found.others.push((place, *pair)),
            }
        }
        found
    }

    /// The records of a rater's rows, each with what was written.
    pub(super) fn of_rater(&self, rater: i64) -> Vec<(i64, Option<Held>)> {
        let rows = self.rows();
        rows.range((rater, i64::MIN)..=(rater, i64::MAX))
            .map(|((_, record), row)| (*record, row.clone()))
            .collect()
    }

    /// At most `most` rows that come after `pair`, or are the first ones.
    fn after(&self, pair: Option<Pair>, most: usize) -> Vec<Row> {
        let start = pair.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = self.rows();
        rows.range((start, Bound::Unbounded)).take(most).map(|(pair, row)| (*pair, row.clone())).collect()
    }

    fn len(&self) -> usize {
        self.rows().len()
    }

    /// Gives up `merged`, which the table has, and takes `changes`.
    fn settle(&self, merged: &[Row], changes: Vec<Row>) {
        for some in merged.chunks(AT_A_TIME) {
            let mut rows = self.rows_mut();
            for (pair, _) in some {
                rows.remove(pair);
            }
        }
        let mut changes = changes.into_iter().peekable();
        while changes.peek().is_some() {
            self.rows_mut().extend(changes.by_ref().take(AT_A_TIME));
        }
    }

    fn replace(&self, rows: BTreeMap<Pair, Option<Held>>) {
        *self.rows_mut() = rows;
    }

    fn rows(&self) -> RwLockReadGuard<'_, BTreeMap<Pair, Option<Held>>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn rows_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<Pair, Option<Held>>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
