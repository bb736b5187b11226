//! A bounded cache that evicts by generations, approximately the least recently used.

use foldhash::{HashMap, HashMapExt};
use std::hash::Hash;

/// Two generations of entries. When the young generation is full, it becomes the old one and the previous old one
/// is dropped; a hit in the old generation moves the entry to the young one.
#[derive(Debug)]
pub(in crate::repository) struct TwoGenerationCache<K, V> {
    /// The capacity in bytes; at least half of it is used.
    capacity: usize,
    /// Returns the approximate size of a key's entry in bytes.
    weigh: fn(&K) -> usize,
    young: HashMap<K, V>,
    young_bytes: usize,
    old: HashMap<K, V>,
}

impl<K: Hash + Eq, V: Copy> TwoGenerationCache<K, V> {
    /// Returns an empty cache of `capacity` bytes.
    pub(in crate::repository) fn new(capacity: usize, weigh: fn(&K) -> usize) -> Self {
        Self { capacity, weigh, young: HashMap::new(), young_bytes: 0, old: HashMap::new() }
    }

    /// Returns a copy of the value, and marks the entry as used.
    pub(in crate::repository) fn get(&mut self, key: &K) -> Option<V> {
        if let Some(value) = self.young.get(key) {
            return Some(*value);
        }
        let (key, value) = self.old.remove_entry(key)?;
        self.insert(key, value);
        Some(value)
    }

    /// Inserts or replaces an entry.
    pub(in crate::repository) fn insert(&mut self, key: K, value: V) {
        if self.young_bytes >= self.capacity / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        let bytes = (self.weigh)(&key);
        if self.young.insert(key, value).is_none() {
            self.young_bytes += bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_entries_stay_and_others_are_evicted() {
        let fit = 1_000;
        let mut cache = TwoGenerationCache::new(fit * 1_024, |_: &usize| 1_024);
        let many = 3 * fit;
        for key in 0..many {
            cache.insert(key, 7);
            cache.insert(key, 8);
            assert_eq!(cache.get(&0), Some(8));
        }
        assert_eq!(cache.get(&(many - 1)), Some(8));
        assert_eq!(cache.get(&(many - fit / 3)), Some(8));
        assert_eq!(cache.get(&1), None);
        assert!(cache.young.len() + cache.old.len() <= fit + 2);
    }
}
