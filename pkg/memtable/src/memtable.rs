//! The pending rows of a table, in memory and sorted by key.

use crate::batch::{Rows, StatementBatch};
use crate::journal::{Journal, MergePlan};
use crate::overlay::Overlay;
use crate::table::Table;
use async_trait::async_trait;
use futures::TryStreamExt;
use sqlx::AssertSqlSafe;
use sqlx::types::Json;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Bound, RangeInclusive};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use storage::Error;
use storage::sqlite::Connection;

/// How many rows are read or written while the lock is held, so that no other task waits for long.
const AT_A_TIME: usize = 500;

/// The pending rows of a list of keys.
#[derive(Debug)]
pub struct Lookup<K, R> {
    /// The pending rows, each with the position of its key in the list.
    pub pending: Vec<(usize, R)>,
    /// The keys that must be read from the table, each with its position in the list.
    pub others: Vec<(usize, K)>,
}

/// The pending rows of a table and the state of its journal.
#[derive(Debug)]
pub struct Memtable<T: Table> {
    table: T,
    rows: RwLock<BTreeMap<T::Key, T::Row>>,
    /// Used only by the transaction on the write connection.
    journal: Mutex<Journal<T::Key>>,
}

/// Memory that is derived from the file and can be derived again.
#[async_trait]
pub trait Recover: fmt::Debug + Send + Sync {
    /// Returns whether memory is in the state of the file.
    async fn is_current(&self, connection: &mut Connection) -> Result<bool, Error>;

    /// Replaces memory by the state of the file.
    async fn load(&self, connection: &mut Connection) -> Result<(), Error>;
}

impl<T: Table> Memtable<T> {
    /// Returns an empty memtable of `table`. It holds about `capacity` rows, at least 1.
    pub fn new(table: T, capacity: usize) -> Self {
        Self { table, rows: RwLock::default(), journal: Mutex::new(Journal::new(capacity)) }
    }

    /// Returns the table.
    pub const fn table(&self) -> &T {
        &self.table
    }

    /// Returns the number of pending rows.
    pub fn pending(&self) -> usize {
        self.rows().len()
    }

    /// Returns about how many rows it holds before batches merge some.
    pub fn capacity(&self) -> usize {
        self.journal().capacity()
    }

    /// Returns the pending row of `key`; `None` if it must be read from the table.
    pub fn get(&self, key: T::Key) -> Option<T::Row> {
        self.rows().get(&key).cloned()
    }

    /// Returns the pending rows of `keys`.
    pub fn find(&self, keys: impl IntoIterator<Item = T::Key>) -> Lookup<T::Key, T::Row> {
        let (rows, mut found) = (self.rows(), Lookup { pending: Vec::new(), others: Vec::new() });
        for (place, key) in keys.into_iter().enumerate() {
            match rows.get(&key) {
                Some(row) => found.pending.push((place, row.clone())),
                None => found.others.push((place, key)),
            }
        }
        found
    }

    /// Returns the pending rows of a range of keys, in the order of the keys.
    pub fn range(&self, keys: RangeInclusive<T::Key>) -> Vec<(T::Key, T::Row)> {
        self.rows().range(keys).map(|(key, row)| (*key, row.clone())).collect()
    }

    /// Returns what a scan of the table has to be merged with: which rows are pending, and what `select` makes of those that
    /// belong to the scan, in the order of their keys. To be called before the table is read.
    pub fn overlay<S>(
        &self,
        mut select: impl FnMut(T::Key, &T::Row) -> Option<S>,
    ) -> (Overlay<T::Key>, Vec<S>) {
        let (mut hidden, mut selected) = (Vec::new(), Vec::new());
        loop {
            let rows = self.rows();
            let before = hidden.len();
            for (key, row) in rows.range((start(hidden.last().copied()), Bound::Unbounded)).take(AT_A_TIME) {
                hidden.push(*key);
                selected.extend(select(*key, row));
            }
            if hidden.len() < before + AT_A_TIME {
                return (Overlay(hidden), selected);
            }
        }
    }

    /// Plans a batch with `changes`.
    pub(crate) fn plan(&self, changes: Vec<(T::Key, T::Row)>) -> MergePlan<T::Key, T::Row> {
        let rows = self.rows();
        self.journal().plan(changes, rows.len(), |key, most| {
            rows.range((start(key), Bound::Unbounded))
                .take(most)
                .map(|(key, row)| (*key, row.clone()))
                .collect()
        })
    }

    /// Adds the statements of a plan.
    pub(crate) async fn write(
        &self,
        plan: &MergePlan<T::Key, T::Row>,
        batch: &mut StatementBatch<'_>,
    ) -> Result<(), Error> {
        let MergePlan { key, changes, merged, obsolete } = plan;
        if !changes.is_empty() {
            let insert = format!("INSERT INTO {} (key, changes) VALUES ", T::JOURNAL);
            let changes = Json(changes.iter().map(T::to_change).collect::<Vec<_>>());
            let rows = Rows { before: &insert, columns: 2, after: "" };
            batch
                .execute(rows, &[()], |(), parameters| {
                    parameters.add(*key)?;
                    parameters.add(&changes)
                })
                .await?;
        }
        self.table.merge(merged, batch).await?;
        if obsolete.is_some() {
            let delete = format!("DELETE FROM {} WHERE key < ", T::JOURNAL);
            let rows = Rows { before: &delete, columns: 1, after: "" };
            batch.execute(rows, obsolete.as_slice(), |key, parameters| parameters.add(*key)).await?;
        }
        Ok(())
    }

    /// Follows a plan that was committed: removes the rows that the table now has, and adds the changes.
    pub(crate) fn follow(&self, plan: MergePlan<T::Key, T::Row>) {
        self.table.merged(&plan.merged);
        self.journal().follow(&plan);
        for some in plan.merged.chunks(AT_A_TIME) {
            let mut rows = self.rows_mut();
            for (key, _) in some {
                rows.remove(key);
            }
        }
        let mut changes = plan.changes.into_iter().peekable();
        while changes.peek().is_some() {
            self.rows_mut().extend(changes.by_ref().take(AT_A_TIME));
        }
    }

    // Nothing that can panic runs while a lock is held, so a poisoned one holds consistent data.
    fn rows(&self) -> RwLockReadGuard<'_, BTreeMap<T::Key, T::Row>> {
        self.rows.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn rows_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<T::Key, T::Row>> {
        self.rows.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn journal(&self) -> MutexGuard<'_, Journal<T::Key>> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn start<K>(after: Option<K>) -> Bound<K> {
    after.map_or(Bound::Unbounded, Bound::Excluded)
}

#[async_trait]
impl<T: Table> Recover for Memtable<T> {
    async fn is_current(&self, connection: &mut Connection) -> Result<bool, Error> {
        let ends = format!("SELECT (SELECT min(key) FROM {0}), (SELECT max(key) FROM {0})", T::JOURNAL);
        let (first, last): (Option<i64>, Option<i64>) =
            sqlx::query_as(AssertSqlSafe(ends)).fetch_one(&mut *connection).await?;
        Ok(self.journal().ends() == first.zip(last) && self.table.is_current(connection).await?)
    }

    async fn load(&self, connection: &mut Connection) -> Result<(), Error> {
        self.table.load(connection).await?;
        let mut journal = Journal::new(self.journal().capacity());
        let mut rows = BTreeMap::new();
        let select = format!("SELECT key, changes FROM {} ORDER BY key", T::JOURNAL);
        let mut batches = sqlx::query_as(AssertSqlSafe(select)).fetch(connection);
        while let Some((key, Json(changes))) = batches.try_next().await? {
            let changes: Vec<T::Change> = changes;
            journal.append(key, changes.len());
            for change in changes {
                let (key, row) = T::from_change(change)?;
                rows.insert(key, row);
            }
        }
        journal.begin_sweep();
        *self.journal() = journal;
        *self.rows_mut() = rows;
        Ok(())
    }
}
