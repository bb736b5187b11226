//! The writer's view of a journal: which batches it holds, how far the sweep has come, and what the next batch merges.

use std::collections::VecDeque;

/// The smallest part of the capacity that is merged at a time, so that small batches do not merge a row each.
const PARTS: usize = 500;

/// The state of a journal and of the sweep through its memtable.
#[derive(Debug)]
pub(crate) struct Journal<K> {
    /// How many rows the memtable may hold before some are merged; the journal holds twice as many changes.
    capacity: usize,
    /// The keys of the batches in the journal, in their order, and how many changes each has.
    batches: VecDeque<(i64, usize)>,
    /// How many changes they have together.
    changes: usize,
    /// The key of the next batch.
    next: i64,
    /// The last row that the current sweep has merged.
    swept: Option<K>,
    /// The first batch that was written after the current sweep began.
    began: i64,
}

/// What a batch does to a journal and its table. Memory follows once it is committed.
#[derive(Debug)]
pub(crate) struct MergePlan<K, R> {
    /// The batch's key in the journal.
    pub(crate) key: i64,
    /// What the batch changes; added to the journal unless empty.
    pub(crate) changes: Vec<(K, R)>,
    /// The rows to merge into the table, in the order of their keys.
    pub(crate) merged: Vec<(K, R)>,
    /// At the end of a sweep: batches with lesser keys are deleted from the journal.
    pub(crate) obsolete: Option<i64>,
}

impl<K: Copy> Journal<K> {
    /// Returns an empty journal for a memtable of `capacity` rows.
    pub(crate) const fn new(capacity: usize) -> Self {
        Self { capacity, batches: VecDeque::new(), changes: 0, next: 1, swept: None, began: 1 }
    }

    /// Returns how many rows the memtable may hold before some are merged.
    pub(crate) const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Returns the keys of the first and the last batch, if there are any.
    pub(crate) fn ends(&self) -> Option<(i64, i64)> {
        Some((self.batches.front()?.0, self.batches.back()?.0))
    }

    /// Appends a batch of so many changes.
    pub(crate) fn append(&mut self, key: i64, changes: usize) {
        self.batches.push_back((key, changes));
        self.changes += changes;
        self.next = key + 1;
    }

    /// Begins a sweep at the first row.
    pub(crate) const fn begin_sweep(&mut self) {
        (self.swept, self.began) = (None, self.next);
    }

    /// Plans a batch with `changes` for a memtable of `pending` rows. `after` returns at most so many pending rows that
    /// follow a key, or the first ones.
    pub(crate) fn plan<R>(
        &self,
        changes: Vec<(K, R)>,
        pending: usize,
        after: impl FnOnce(Option<K>, usize) -> Vec<(K, R)>,
    ) -> MergePlan<K, R> {
        let rows = (pending + changes.len()).saturating_sub(self.capacity);
        let journaled = (self.changes + changes.len()).saturating_sub(2 * self.capacity);
        // A power of two, because statements take so many rows.
        let part = self.capacity.div_ceil(PARTS).next_power_of_two();
        let due = rows.max(journaled).next_multiple_of(part);
        let merged = after(self.swept, due);
        let obsolete = (merged.len() < due).then_some(self.began);
        MergePlan { key: self.next, changes, merged, obsolete }
    }

    /// Follows a plan that was committed.
    pub(crate) fn follow<R>(&mut self, plan: &MergePlan<K, R>) {
        if !plan.changes.is_empty() {
            self.append(plan.key, plan.changes.len());
        }
        self.swept = plan.merged.last().map(|(key, _)| *key).or(self.swept);
        if let Some(obsolete) = plan.obsolete {
            while let Some((_, changes)) = self.batches.pop_front_if(|(key, _)| *key < obsolete) {
                self.changes -= changes;
            }
            self.begin_sweep();
        }
    }
}
