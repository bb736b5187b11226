//! What was used last, as much as there is room for.

use foldhash::{HashMap, HashMapExt};
use std::hash::Hash;

/// Two generations: when the young one is full it becomes the old one, and what was old is forgotten.
#[derive(Debug)]
pub(in crate::repository) struct Recent<K, V> {
    /// How many bytes all entries may take; half of that is remembered for certain.
    room: usize,
    /// About how many bytes the entry of a key takes.
    weigh: fn(&K) -> usize,
    young: HashMap<K, V>,
    young_bytes: usize,
    old: HashMap<K, V>,
}

impl<K: Hash + Eq, V: Copy> Recent<K, V> {
    /// Nothing yet, with `room` for so many bytes of entries, as `weigh` tells them.
    pub(in crate::repository) fn new(room: usize, weigh: fn(&K) -> usize) -> Self {
        Self { room, weigh, young: HashMap::new(), young_bytes: 0, old: HashMap::new() }
    }

    pub(in crate::repository) fn get(&mut self, key: &K) -> Option<V> {
        if let Some(value) = self.young.get(key) {
            return Some(*value);
        }
        let (key, value) = self.old.remove_entry(key)?;
        self.insert(key, value);
        Some(value)
    }

    pub(in crate::repository) fn insert(&mut self, key: K, value: V) {
        if self.young_bytes >= self.room / 2 {
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
    fn what_is_used_is_remembered_and_the_rest_forgotten() {
        let fit = 1_000;
        let mut recent = Recent::new(fit * 1_024, |_: &usize| 1_024);
        let many = 3 * fit;
        for key in 0..many {
            recent.insert(key, 7);
            recent.insert(key, 8);
            assert_eq!(recent.get(&0), Some(8));
        }
        assert_eq!(recent.get(&(many - 1)), Some(8));
        assert_eq!(recent.get(&(many - fit / 3)), Some(8));
        assert_eq!(recent.get(&1), None);
        assert!(recent.young.len() + recent.old.len() <= fit + 2);
    }
}
