//! An in-memory cache of values read from a store.
//!
//! A value is kept until it is written through the same process, and for a limited time if other processes write to
//! the store too. A reader never gets a value older than the last write that was [recorded](Cache::wrote) before the
//! read started.

use quick_cache::Weighter;
use quick_cache::sync::Cache as Values;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

mod statistics;
#[cfg(test)]
mod tests;

pub use statistics::{Statistics, sample};

/// The number of groups of keys. A write to a key invalidates reads in progress of all keys of its group.
const GROUPS: usize = 1024;

/// The memory of an entry besides its key and value, in bytes: slots and counters of two hash tables.
const OVERHEAD: u64 = 96;

/// A cache bounded in bytes.
#[derive(Debug)]
pub struct Cache<K, V> {
    values: Values<K, Kept<V>, Weigh<K, V>>,
    /// The number of writes to each group of keys.
    writes: Box<[Mutex<u64>]>,
    hasher: RandomState,
    max_age: Option<Duration>,
    max_bytes: u64,
    /// Values that were found, but too old.
    expired: AtomicU64,
}

#[derive(Clone, Debug)]
struct Kept<V> {
    value: V,
    since: Instant,
}

#[derive(Debug)]
struct Weigh<K, V>(fn(&K, &V) -> usize);

impl<K, V> Clone for Weigh<K, V> {
    fn clone(&self) -> Self {
        Self(self.0)
    }
}

impl<K, V> Weighter<K, Kept<V>> for Weigh<K, V> {
    fn weight(&self, key: &K, kept: &Kept<V>) -> u64 {
        (self.0)(key, &kept.value) as u64 + OVERHEAD
    }
}

/// A read from the store in progress, with the number of writes that it is certain to see.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    group: usize,
    writes: u64,
    since: Instant,
}

impl<K: Clone + Eq + Hash, V: Clone> Cache<K, V> {
    /// Creates an empty cache of at most `bytes` bytes; `weigh` returns the size of a key and its value. Values older
    /// than `max_age` are read again; without it, the process must be the only writer to the store.
    #[must_use]
    pub fn new(bytes: u64, max_age: Option<Duration>, weigh: fn(&K, &V) -> usize) -> Self {
        let entries = usize::try_from(bytes / (4 * OVERHEAD)).unwrap_or(usize::MAX);
        Self {
            values: Values::with_weighter(entries, bytes, Weigh(weigh)),
            writes: (0..GROUPS).map(|_| Mutex::new(0)).collect(),
            hasher: RandomState::new(),
            max_age,
            max_bytes: bytes,
            expired: AtomicU64::new(0),
        }
    }

    /// Returns the cached value of `key`, if any.
    pub fn get(&self, key: &K) -> Option<V> {
        let kept = self.values.get(key)?;
        let fresh = self.max_age.is_none_or(|age| kept.since.elapsed() < age);
        if !fresh {
            self.expired.fetch_add(1, Ordering::Relaxed);
        }
        fresh.then_some(kept.value)
    }

    /// Returns the cached value of `key`, or the result of `read` from the store.
    ///
    /// # Errors
    ///
    /// That of `read`; then nothing is cached.
    pub async fn get_or_read<E, F>(&self, key: &K, read: impl FnOnce() -> F) -> Result<V, E>
    where
        F: Future<Output = Result<V, E>>,
    {
        if let Some(value) = self.get(key) {
            return Ok(value);
        }
        let reading = self.read(key);
        let value = read().await?;
        self.keep(reading, key.clone(), value.clone());
        Ok(value)
    }

    /// Returns the values of `keys` in order: cached ones, and for the others the result of `read` from the store,
    /// which receives them in order and returns one value for each.
    async fn get_or_read_all<E, F>(&self, keys: &[K], read: impl FnOnce(Vec<K>) -> F) -> Result<Vec<V>, E>
    where
        F: Future<Output = Result<Vec<V>, E>>,
    {
        let mut found: Vec<Option<V>> = keys.iter().map(|key| self.get(key)).collect();
        let missing = keys.iter().zip(&found).filter(|(_, found)| found.is_none());
        let missing: Vec<K> = missing.map(|(key, _)| key.clone()).collect();
        if !missing.is_empty() {
            let readings: Vec<Reading> = missing.iter().map(|key| self.read(key)).collect();
            let values = read(missing.clone()).await?;
            let read = missing.into_iter().zip(readings).zip(values);
            for (place, ((key, reading), value)) in found.iter_mut().filter(|found| found.is_none()).zip(read)
            {
                self.keep(reading, key, value.clone());
                *place = Some(value);
            }
        }
        Ok(found.into_iter().flatten().collect())
    }

    /// Starts a read of `key`; must be called before the store is read.
    pub fn read(&self, key: &K) -> Reading {
        let group = self.group(key);
        Reading { group, writes: *self.writes(group), since: Instant::now() }
    }

    /// Caches the result of `reading`, unless a key of its group was written since it started.
    pub fn keep(&self, reading: Reading, key: K, value: V) {
        let writes = self.writes(reading.group);
        if *writes == reading.writes {
            self.values.insert(key, Kept { value, since: reading.since });
        }
    }

    /// Invalidates `key` after a write. Must be called once the store may have the write, even if it did not confirm it,
    /// and before the writer gets its reply.
    pub fn wrote(&self, key: &K) {
        let mut writes = self.writes(self.group(key));
        *writes += 1;
        self.values.remove(key);
    }

    /// Invalidates everything, because any key may have been written. The same rules apply as for
    /// [`wrote`](Self::wrote).
    pub fn wrote_all(&self) {
        for group in 0..GROUPS {
            *self.writes(group) += 1;
        }
        self.values.clear();
    }

    /// Returns how the cache is used.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let expired = self.expired.load(Ordering::Relaxed);
        Statistics {
            hits: self.values.hits().saturating_sub(expired),
            misses: self.values.misses() + expired,
            entries: self.values.len() as u64,
            bytes: self.values.weight(),
            max_bytes: self.max_bytes,
        }
    }

    fn group(&self, key: &K) -> usize {
        // Truncation is intended: any bits of the hash will do.
        #[expect(clippy::cast_possible_truncation, reason = "any bits of a hash tell a group")]
        let hash = self.hasher.hash_one(key) as usize;
        hash % GROUPS
    }

    fn writes(&self, group: usize) -> MutexGuard<'_, u64> {
        self.writes[group].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Eq + Hash, T: Clone> Cache<K, Option<T>> {
    /// Returns the existing values of `keys`, in order: cached ones, and for the others the result of `read` from the
    /// store, in any order and without missing ones. `key` returns a value's key. Missing values
    /// are cached as missing.
    ///
    /// # Errors
    ///
    /// That of `read`; then nothing is cached.
    pub async fn get_or_read_found<E, F>(
        &self,
        keys: &[K],
        read: impl FnOnce(Vec<K>) -> F,
        key: impl Fn(&T) -> &K,
    ) -> Result<Vec<T>, E>
    where
        F: Future<Output = Result<Vec<T>, E>>,
    {
        let read = |missing: Vec<K>| async move {
            let found = read(missing.clone()).await?;
            let found: HashMap<K, T> = found.into_iter().map(|value| (key(&value).clone(), value)).collect();
            Ok(missing.iter().map(|missing| found.get(missing).cloned()).collect())
        };
        let found = self.get_or_read_all(keys, read).await?;
        Ok(found.into_iter().flatten().collect())
    }
}
