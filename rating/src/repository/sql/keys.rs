//! The numeric keys of the records and users of a batch. Every write needs them first.

mod cache;
mod two_generation;

pub(in crate::repository) use cache::{KeyCache, NewKeys, unresolved};
pub(in crate::repository) use two_generation::TwoGenerationCache;

use crate::batch::{Keys, Write};
use async_trait::async_trait;
use model::{Record, RecordType, UserId};

/// The statements that look up and allocate keys, in the dialect of a database. Lists of names are sorted and
/// contain no duplicates; a key is returned with the index of its name in the list.
#[async_trait]
pub(in crate::repository) trait KeyStatements {
    /// Returns the keys of those of `records` that have one.
    async fn find_records(&mut self, records: &[&Record]) -> Result<Vec<(usize, i64)>, storage::Error>;

    /// Allocates keys for `records`, which had none when they were looked up, and returns their current keys: another
    /// transaction may have allocated some of them.
    async fn add_records(&mut self, records: &[&Record]) -> Result<Vec<(usize, i64)>, storage::Error>;

    /// Returns the keys of those of `users` that have one.
    async fn find_users(&mut self, users: &[&UserId]) -> Result<Vec<(usize, i64)>, storage::Error>;

    /// Allocates keys for `users`, as `add_records` does for records.
    async fn add_users(&mut self, users: &[&UserId]) -> Result<Vec<(usize, i64)>, storage::Error>;

    /// Adds empty aggregates for those of the records that have none.
    async fn add_aggregates(&mut self, records: &[(i64, &RecordType)]) -> Result<(), storage::Error>;
}

/// The records and users of a batch with their keys; `None` if a name has no key yet.
#[derive(Debug)]
pub(in crate::repository) struct ResolvedKeys<'a> {
    pub(super) names: Keys<'a>,
    pub(super) records: Vec<Option<i64>>,
    pub(super) users: Vec<Option<i64>>,
}

impl<'a> ResolvedKeys<'a> {
    /// Takes the keys that are cached.
    pub(in crate::repository) fn of(writes: &'a [Write], cache: &KeyCache) -> Self {
        let names = Keys::of(writes);
        Self { records: cache.records(&names.records), users: cache.users(&names.users), names }
    }

    /// Looks in the cache again for the names without a key.
    pub(in crate::repository) fn take_cached(&mut self, cache: &KeyCache) {
        take_cached(&self.names.records, &mut self.records, |names| cache.records(names));
        take_cached(&self.names.users, &mut self.users, |names| cache.users(names));
    }

    /// Returns whether every name has a key.
    pub(in crate::repository) fn is_complete(&self) -> bool {
        self.records.iter().chain(&self.users).all(Option::is_some)
    }

    /// Looks up the missing keys. Allocates those that a put needs, with an empty aggregate for each new record. The
    /// returned keys may be cached once the transaction is committed.
    pub(in crate::repository) async fn resolve(
        &mut self,
        statements: &mut impl KeyStatements,
    ) -> Result<NewKeys, storage::Error> {
        let mut new = NewKeys::default();
        self.resolve_records(statements, &mut new).await?;
        self.resolve_users(statements, &mut new).await?;
        let mut records: Vec<(i64, &RecordType)> =
            new.records.iter().map(|(record, key)| (*key, &record.record_type)).collect();
        if !records.is_empty() {
            records.sort_unstable();
            statements.add_aggregates(&records).await?;
        }
        Ok(new)
    }

    async fn resolve_records(
        &mut self,
        statements: &mut impl KeyStatements,
        new: &mut NewKeys,
    ) -> Result<(), storage::Error> {
        let Self { names: Keys { records: names, records_put, .. }, records: keys, .. } = self;
        let missing = sorted_unresolved(names, keys);
        if missing.is_empty() {
            return Ok(());
        }
        fill(keys, &missing, statements.find_records(&select(names, &missing)).await?);
        let needed = still_needed(&missing, keys, records_put);
        if !needed.is_empty() {
            fill(keys, &needed, statements.add_records(&select(names, &needed)).await?);
            new.allocated = true;
        }
        new.records.extend(missing.iter().filter_map(|&index| Some((names[index].clone(), keys[index]?))));
        Ok(())
    }

    async fn resolve_users(
        &mut self,
        statements: &mut impl KeyStatements,
        new: &mut NewKeys,
    ) -> Result<(), storage::Error> {
        let Self { names: Keys { users: names, users_put, .. }, users: keys, .. } = self;
        let missing = sorted_unresolved(names, keys);
        if missing.is_empty() {
            return Ok(());
        }
        fill(keys, &missing, statements.find_users(&select(names, &missing)).await?);
        let needed = still_needed(&missing, keys, users_put);
        if !needed.is_empty() {
            fill(keys, &needed, statements.add_users(&select(names, &needed)).await?);
            new.allocated = true;
        }
        new.users.extend(missing.iter().filter_map(|&index| Some((names[index].clone(), keys[index]?))));
        Ok(())
    }
}

fn take_cached<K>(names: &[&K], keys: &mut [Option<i64>], cached: impl Fn(&[&K]) -> Vec<Option<i64>>) {
    let missing = unresolved(keys);
    for (&index, key) in missing.iter().zip(cached(&select(names, &missing))) {
        keys[index] = key;
    }
}

/// Returns the indexes of the names without a key, in the order of the names.
fn sorted_unresolved<K: Ord>(names: &[&K], keys: &[Option<i64>]) -> Vec<usize> {
    let mut missing = unresolved(keys);
    missing.sort_unstable_by_key(|&index| names[index]);
    missing
}

/// Returns those of `indexes` that have no key but need one: a delete alone needs none.
fn still_needed(indexes: &[usize], keys: &[Option<i64>], put: &[bool]) -> Vec<usize> {
    indexes.iter().copied().filter(|&index| keys[index].is_none() && put[index]).collect()
}

fn select<'a, K>(names: &[&'a K], indexes: &[usize]) -> Vec<&'a K> {
    indexes.iter().map(|&index| names[index]).collect()
}

fn fill(keys: &mut [Option<i64>], indexes: &[usize], found: Vec<(usize, i64)>) {
    for (index, key) in found {
        keys[indexes[index]] = Some(key);
    }
}
