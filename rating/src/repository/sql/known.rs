//! The keys that are known: once committed they never change, so most batches need not look theirs up.

use model::{Record, UserId};
use std::collections::HashMap;
use std::hash::Hash;

/// How many keys of a kind are remembered for certain; at most twice as many are held.
const REMEMBERED: usize = 50_000;

/// The keys of records and users that were used last.
#[derive(Debug, Default)]
pub(in crate::repository) struct Known {
    records: Recent<Record>,
    users: Recent<UserId>,
}

impl Known {
    /// The keys of `records`, where they are known.
    pub(super) fn records(&mut self, records: &[&Record]) -> Vec<Option<i64>> {
        records.iter().map(|record| self.records.get(record)).collect()
    }

    /// The keys of `users`, where they are known.
    pub(super) fn users(&mut self, users: &[&UserId]) -> Vec<Option<i64>> {
        users.iter().map(|user| self.users.get(user)).collect()
    }

    /// Remembers keys, which must be committed.
    pub(in crate::repository) fn learn(&mut self, learned: Learned) {
        learned.records.into_iter().for_each(|(record, key)| self.records.insert(record, key));
        learned.users.into_iter().for_each(|(user, key)| self.users.insert(user, key));
    }
}

/// Keys that a transaction looked up or gave; to be remembered once it has committed.
#[derive(Debug, Default)]
pub(in crate::repository) struct Learned {
    pub(super) records: Vec<(Record, i64)>,
    pub(super) users: Vec<(UserId, i64)>,
}

/// Two generations: when the young one is full it becomes the old one, and what was old is forgotten.
#[derive(Debug)]
struct Recent<K> {
    young: HashMap<K, i64>,
    old: HashMap<K, i64>,
}

impl<K> Default for Recent<K> {
    fn default() -> Self {
        Self { young: HashMap::new(), old: HashMap::new() }
    }
}

impl<K: Hash + Eq + Clone> Recent<K> {
    fn get(&mut self, name: &K) -> Option<i64> {
        if let Some(key) = self.young.get(name) {
            return Some(*key);
        }
        let (name, key) = self.old.remove_entry(name)?;
        self.insert(name, key);
        Some(key)
    }

    fn insert(&mut self, name: K, key: i64) {
        if self.young.len() >= REMEMBERED {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(name, key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_is_remembered_and_the_rest_forgotten() {
        let mut recent = Recent::default();
        let many = i64::try_from(3 * REMEMBERED).unwrap();
        for key in 0..many {
            recent.insert(key, key);
            assert_eq!(recent.get(&0), Some(0));
        }
        assert_eq!(recent.get(&(many - 1)), Some(many - 1));
        assert_eq!(recent.get(&1), None);
        assert!(recent.young.len() + recent.old.len() <= 2 * REMEMBERED);
    }
}
