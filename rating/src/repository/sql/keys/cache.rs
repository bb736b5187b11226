//! The key cache. A committed key never changes, so most batches need no look-up. A SQLite file belongs to this
//! process; PostgreSQL may lose committed transactions, so `postgres/history.rs` makes each batch verify its keys.

use super::two_generation::TwoGenerationCache;
use model::{Record, UserId};
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// The capacity for records and for users each, in bytes.
const CAPACITY: usize = 16 << 20;

/// The approximate size of an entry without the bytes of its name: the slot in the map, and the allocator's overhead.
const ENTRY: usize = 64;

/// How many names are looked up while the lock is held, so that other readers do not wait for long.
const AT_A_TIME: usize = 500;

/// The most recently used keys of records and users, shared by all lanes.
#[derive(Debug)]
pub(in crate::repository) struct KeyCache {
    records: Mutex<TwoGenerationCache<Record, i64>>,
    users: Mutex<TwoGenerationCache<UserId, i64>>,
}

impl Default for KeyCache {
    fn default() -> Self {
        let of_record =
            |name: &Record| name.record_type.as_str().len() + name.record_id.as_str().len() + ENTRY;
        let of_user = |name: &UserId| name.as_str().len() + ENTRY;
        Self {
            records: Mutex::new(TwoGenerationCache::new(CAPACITY, of_record)),
            users: Mutex::new(TwoGenerationCache::new(CAPACITY, of_user)),
        }
    }
}

impl KeyCache {
    /// Returns the cached keys of `records`.
    pub(in crate::repository) fn records(&self, records: &[&Record]) -> Vec<Option<i64>> {
        look_up(&self.records, records)
    }

    /// Returns the cached keys of `users`.
    pub(in crate::repository) fn users(&self, users: &[&UserId]) -> Vec<Option<i64>> {
        look_up(&self.users, users)
    }

    /// Caches keys, which must be committed.
    pub(in crate::repository) fn insert(&self, new: NewKeys) {
        insert(&self.records, new.records);
        insert(&self.users, new.users);
    }
}

/// Returns the indexes of the missing keys.
pub(in crate::repository) fn unresolved(keys: &[Option<i64>]) -> Vec<usize> {
    (0..keys.len()).filter(|&index| keys[index].is_none()).collect()
}

fn look_up<K: Hash + Eq>(cache: &Mutex<TwoGenerationCache<K, i64>>, names: &[&K]) -> Vec<Option<i64>> {
    let mut keys = Vec::with_capacity(names.len());
    for some in names.chunks(AT_A_TIME) {
        let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
        keys.extend(some.iter().map(|name| cache.get(name)));
    }
    keys
}

fn insert<K: Hash + Eq>(cache: &Mutex<TwoGenerationCache<K, i64>>, new: Vec<(K, i64)>) {
    let mut new = new.into_iter().peekable();
    while new.peek().is_some() {
        let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
        new.by_ref().take(AT_A_TIME).for_each(|(name, key)| cache.insert(name, key));
    }
}

/// Keys that a transaction looked up or allocated.
#[derive(Debug, Default)]
pub(in crate::repository) struct NewKeys {
    /// Whether a key was allocated.
    pub(in crate::repository) allocated: bool,
    pub(in crate::repository) records: Vec<(Record, i64)>,
    pub(in crate::repository) users: Vec<(UserId, i64)>,
}
