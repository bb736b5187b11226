//! Which batches a journal holds, how far the present sweep through the memtable has come, and what the next batch has
//! to merge, so that both stay small.

use super::Memtable;
use std::collections::{BTreeMap, VecDeque};

/// A sweep merges at least about this part of what the memtable may hold at a time, so that small batches don't merge a
/// row each.
const PARTS: usize = 500;

/// What the one who writes knows of a journal. A sweep goes through the memtable in its order, a part with each
/// batch; when it comes to the end, everything is in the table that was written before it began.
#[derive(Debug)]
pub(in crate::repository::sqlite) struct Journal<K> {
    /// How many rows the memtable may hold before some are merged; the journal holds twice as many changes.
    most: usize,
    /// The keys of the batches in the journal, in their order, and how many changes each has.
    batches: VecDeque<(i64, usize)>,
    /// How many changes they have together.
    changes: usize,
    /// The key of the next batch.
    next: i64,
    /// The last row that the present sweep has merged.
    swept: Option<K>,
    /// The first batch that came after the present sweep began.
    began: i64,
}

/// A journal on its way from the database.
#[derive(Debug)]
pub(in crate::repository::sqlite) struct Loading<K, V> {
    journal: Journal<K>,
    rows: BTreeMap<K, V>,
}

impl<K: Ord + Copy, V: Clone> Loading<K, V> {
    /// Nothing yet, for a memtable of some `most` rows; at least 1.
    pub(in crate::repository::sqlite) const fn new(most: usize) -> Self {
        let journal = Journal { most, batches: VecDeque::new(), changes: 0, next: 1, swept: None, began: 1 };
        Self { journal, rows: BTreeMap::new() }
    }

    /// Takes a batch; they come in the order of their keys.
    pub(in crate::repository::sqlite) fn add(&mut self, key: i64, changes: Vec<(K, V)>) {
        self.journal.add(key, changes.len());
        self.rows.extend(changes);
    }

    /// Puts the rows into `memtable` in the place of all that it had.
    pub(in crate::repository::sqlite) fn finish(mut self, memtable: &Memtable<K, V>) -> Journal<K> {
        self.journal.began = self.journal.next;
        memtable.replace(self.rows);
        self.journal
    }
}

/// What a batch does to a journal and its table. Memory follows once it is committed.
#[derive(Debug)]
pub(in crate::repository::sqlite) struct Step<K, V> {
    /// The batch's key.
    pub(in crate::repository::sqlite) key: i64,
    /// What it changes, to be added to the journal unless it is nothing.
    pub(in crate::repository::sqlite) changes: Vec<(K, V)>,
    /// What is to be merged into the table, in its order.
    pub(in crate::repository::sqlite) merged: Vec<(K, V)>,
    /// Where a sweep ends: batches with lesser keys are to be removed from the journal.
    pub(in crate::repository::sqlite) forgotten: Option<i64>,
}

impl<K: Ord + Copy> Journal<K> {
    /// The keys of the first and the last batch in the journal.
    pub(in crate::repository::sqlite) fn ends(&self) -> Option<(i64, i64)> {
        let (first, last) = self.batches.front().zip(self.batches.back())?;
        Some((first.0, last.0))
    }

    /// What a batch with `changes` has to do; they are in the order of their keys.
    pub(in crate::repository::sqlite) fn step<V: Clone>(
        &self,
        changes: Vec<(K, V)>,
        memtable: &Memtable<K, V>,
    ) -> Step<K, V> {
        let rows = (memtable.len() + changes.len()).saturating_sub(self.most);
        let journaled = (self.changes + changes.len()).saturating_sub(2 * self.most);
        // A power of two, because so many rows are what a statement takes.
        let part = self.most.div_ceil(PARTS).next_power_of_two();
        let due = rows.max(journaled).next_multiple_of(part);
        let merged = memtable.after(self.swept, due);
        let forgotten = (merged.len() < due).then_some(self.began);
        Step { key: self.next, changes, merged, forgotten }
    }

    /// What is to be done so that the table knows everything.
    pub(in crate::repository::sqlite) fn merge_all<V: Clone>(&self, memtable: &Memtable<K, V>) -> Step<K, V> {
        let merged = memtable.after(None, usize::MAX);
        Step { key: self.next, changes: Vec::new(), merged, forgotten: Some(self.next) }
    }

    /// Follows a step that was committed.
    pub(in crate::repository::sqlite) fn settle<V: Clone>(
        &mut self,
        step: Step<K, V>,
        memtable: &Memtable<K, V>,
    ) {
        let Step { key, changes, merged, forgotten } = step;
        if !changes.is_empty() {
            self.add(key, changes.len());
        }
        self.swept = merged.last().map(|(key, _)| *key).or(self.swept);
        if let Some(forgotten) = forgotten {
            while let Some((_, changes)) = self.batches.pop_front_if(|(key, _)| *key < forgotten) {
                self.changes -= changes;
            }
            (self.swept, self.began) = (None, self.next);
        }
        memtable.settle(&merged, changes);
    }

    fn add(&mut self, key: i64, changes: usize) {
        self.batches.push_back((key, changes));
        self.changes += changes;
        self.next = key + 1;
    }
}
