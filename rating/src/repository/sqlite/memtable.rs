//! Rows that were written lately and don't stand in their table yet: in memory, in the table's order, and safe in a
//! journal. What comes next in that order is merged into the table with each batch, so that what many batches wrote to
//! a page goes there at once (a log-structured merge-tree of two levels with a rolling merge: O'Neil et al., 1996).

mod journal;

pub(super) use journal::{Journal, Loading, Step};

use std::collections::BTreeMap;
use std::ops::{Bound, RangeInclusive};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// What the memtable knows of a list of keys, each with its place there.
#[derive(Debug)]
pub(super) struct Found<K, V> {
    /// What was written.
    pub(super) written: Vec<(usize, V)>,
    /// The keys of which the table knows.
    pub(super) others: Vec<(usize, K)>,
}

/// How many rows are written at a time, so that no reader waits for long.
const AT_A_TIME: usize = 500;

/// The rows that stand before those of the table.
#[derive(Debug)]
pub(super) struct Memtable<K, V>(RwLock<BTreeMap<K, V>>);

impl<K, V> Default for Memtable<K, V> {
    fn default() -> Self {
        Self(RwLock::new(BTreeMap::new()))
    }
}

impl<K: Ord + Copy, V: Clone> Memtable<K, V> {
    /// What was written under `key`; `None` where the table knows.
    pub(super) fn get(&self, key: K) -> Option<V> {
        self.rows().get(&key).cloned()
    }

    /// What was written under each of `keys`.
    pub(super) fn find(&self, keys: impl IntoIterator<Item = K>) -> Found<K, V> {
        let (rows, mut found) = (self.rows(), Found { written: Vec::new(), others: Vec::new() });
        for (place, key) in keys.into_iter().enumerate() {
            match rows.get(&key) {
                Some(row) => found.written.push((place, row.clone())),
                None => found.others.push((place, key)),
            }
        }
        found
    }

    /// What was written under the keys of a range, in their order.
    pub(super) fn range(&self, keys: RangeInclusive<K>) -> Vec<(K, V)> {
        self.rows().range(keys).map(|(key, row)| (*key, row.clone())).collect()
    }

    /// Whether the table knows everything.
    pub(super) fn is_empty(&self) -> bool {
        self.rows().is_empty()
    }

    /// At most `most` rows that come after `key`, or are the first ones.
    fn after(&self, key: Option<K>, most: usize) -> Vec<(K, V)> {
        let start = key.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = self.rows();
        rows.range((start, Bound::Unbounded)).take(most).map(|(key, row)| (*key, row.clone())).collect()
    }

    fn len(&self) -> usize {
        self.rows().len()
    }

    /// Gives up `merged`, which the table has, and takes `changes`.
    fn settle(&self, merged: &[(K, V)], changes: Vec<(K, V)>) {
        for some in merged.chunks(AT_A_TIME) {
            let mut rows = self.rows_mut();
            for (key, _) in some {
                rows.remove(key);
            }
        }
        let mut changes = changes.into_iter().peekable();
        while changes.peek().is_some() {
            self.rows_mut().extend(changes.by_ref().take(AT_A_TIME));
        }
    }

    fn replace(&self, rows: BTreeMap<K, V>) {
        *self.rows_mut() = rows;
    }

    fn rows(&self) -> RwLockReadGuard<'_, BTreeMap<K, V>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn rows_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<K, V>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
