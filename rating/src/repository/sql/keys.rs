//! The numeric keys of the records and users of a batch. Every write needs them first.

mod cache;
mod two_generation;

pub(in crate::repository) use cache::{KeyCache, NewKeys, unresolved};
pub(in crate::repository) use two_generation::TwoGenerationCache;

use crate::batch::{Keys, Write};
use async_trait::async_trait;
use model::{Record, RecordType, UserId};

/// The statements that look up and allocate the keys of names, records or users, in the dialect of a database. Lists of
/// names are sorted and contain no duplicates; a key is returned with the index of its name in the list.
#[async_trait]
pub(in crate::repository) trait NameStatements<N> {
    /// Returns the keys of those of `names` that have one.
    async fn find(&mut self, names: &[&N]) -> Result<Vec<(usize, i64)>, storage::Error>;

    /// Allocates keys for `names`, which had none when they were looked up, and returns their current keys: another
    /// transaction may have allocated some of them.
    async fn add(&mut self, names: &[&N]) -> Result<Vec<(usize, i64)>, storage::Error>;
}

/// The statements that look up and allocate all keys of a batch.
#[async_trait]
pub(in crate::repository) trait KeyStatements:
    NameStatements<Record> + NameStatements<UserId>
{
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
        let Self { names, records, users } = self;
        let mut new = NewKeys::default();
        new.records =
            resolve(&names.records, &names.records_put, records, statements, &mut new.allocated).await?;
        new.users = resolve(&names.users, &names.users_put, users, statements, &mut new.allocated).await?;
        let mut records: Vec<(i64, &RecordType)> =
            new.records.iter().map(|(record, key)| (*key, &record.record_type)).collect();
        if !records.is_empty() {
            records.sort_unstable();
            statements.add_aggregates(&records).await?;
        }
        Ok(new)
    }
}

/// Looks up the missing `keys` of `names`, allocates those that are needed, and returns all of these.
async fn resolve<N: Clone + Ord + Sync>(
    names: &[&N],
    put: &[bool],
    keys: &mut [Option<i64>],
    statements: &mut impl NameStatements<N>,
    allocated: &mut bool,
) -> Result<Vec<(N, i64)>, storage::Error> {
    let missing = sorted_unresolved(names, keys);
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    fill(keys, &missing, statements.find(&select(names, &missing)).await?);
    // A delete alone needs no key.
    let needed: Vec<_> = missing.iter().copied().filter(|&i| keys[i].is_none() && put[i]).collect();
    if !needed.is_empty() {
        fill(keys, &needed, statements.add(&select(names, &needed)).await?);
        *allocated = true;
    }
    Ok(missing.iter().filter_map(|&index| Some((names[index].clone(), keys[index]?))).collect())
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

fn select<'a, K>(names: &[&'a K], indexes: &[usize]) -> Vec<&'a K> {
    indexes.iter().map(|&index| names[index]).collect()
}

fn fill(keys: &mut [Option<i64>], indexes: &[usize], found: Vec<(usize, i64)>) {
    for (index, key) in found {
        keys[indexes[index]] = Some(key);
    }
}
