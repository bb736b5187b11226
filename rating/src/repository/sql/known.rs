//! The keys that are known: once committed they never change, so most batches need not look theirs up.

use foldhash::{HashMap, HashMapExt};
use model::{Record, UserId};
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// How much memory the names of a kind may take, in bytes; half of that is remembered for certain.
const ROOM: usize = 16 << 20;

/// About what an entry takes beside its name's bytes: the map's slot, and what allocating adds.
const ENTRY: usize = 64;

/// How many names are looked up at a time, so that no reader waits for long.
const AT_A_TIME: usize = 500;

/// The keys of records and users that were used last, for any number of lanes.
#[derive(Debug, Default)]
pub(in crate::repository) struct Known {
    records: Mutex<Recent<Record>>,
    users: Mutex<Recent<UserId>>,
}

impl Known {
    /// The keys of `records`, where they are known.
    pub(in crate::repository) fn records(&self, records: &[&Record]) -> Vec<Option<i64>> {
        look_up(&self.records, records)
    }

    /// The keys of `users`, where they are known.
    pub(in crate::repository) fn users(&self, users: &[&UserId]) -> Vec<Option<i64>> {
        look_up(&self.users, users)
    }

    /// Remembers keys, which must be committed.
    pub(in crate::repository) fn learn(&self, learned: Learned) {
        remember(&self.records, learned.records);
        remember(&self.users, learned.users);
    }
}

fn look_up<K: Name>(recent: &Mutex<Recent<K>>, names: &[&K]) -> Vec<Option<i64>> {
    let mut keys = Vec::with_capacity(names.len());
    for some in names.chunks(AT_A_TIME) {
        let mut recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
        keys.extend(some.iter().map(|name| recent.get(name)));
    }
    keys
}

fn remember<K: Name>(recent: &Mutex<Recent<K>>, learned: Vec<(K, i64)>) {
    let mut learned = learned.into_iter().peekable();
    while learned.peek().is_some() {
        let mut recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
        learned.by_ref().take(AT_A_TIME).for_each(|(name, key)| recent.insert(name, key));
    }
}

/// Keys that were looked up or given; to be remembered once they are committed.
#[derive(Debug, Default)]
pub(in crate::repository) struct Learned {
    pub(in crate::repository) records: Vec<(Record, i64)>,
    pub(in crate::repository) users: Vec<(UserId, i64)>,
}

/// A name, and how long it is.
trait Name: Hash + Eq + Clone {
    fn bytes(&self) -> usize;
}

impl Name for Record {
    fn bytes(&self) -> usize {
        self.record_type.as_str().len() + self.record_id.as_str().len()
    }
}

impl Name for UserId {
    fn bytes(&self) -> usize {
        self.as_str().len()
    }
}

/// Two generations: when the young one is full it becomes the old one, and what was old is forgotten.
#[derive(Debug)]
struct Recent<K> {
    young: HashMap<K, i64>,
    young_bytes: usize,
    old: HashMap<K, i64>,
}

impl<K> Default for Recent<K> {
    fn default() -> Self {
        Self { young: HashMap::new(), young_bytes: 0, old: HashMap::new() }
    }
}

impl<K: Name> Recent<K> {
    fn get(&mut self, name: &K) -> Option<i64> {
        if let Some(key) = self.young.get(name) {
            return Some(*key);
        }
        let (name, key) = self.old.remove_entry(name)?;
        self.insert(name, key);
        Some(key)
    }

    fn insert(&mut self, name: K, key: i64) {
        if self.young_bytes >= ROOM / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        let bytes = name.bytes() + ENTRY;
        if self.young.insert(name, key).is_none() {
            self.young_bytes += bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Name for u64 {
        fn bytes(&self) -> usize {
            1_024
        }
    }

    #[test]
    fn what_is_used_is_remembered_and_the_rest_forgotten() {
        let fit = ROOM / (1_024 + ENTRY);
        let mut recent = Recent::default();
        let many = 3 * fit as u64;
        for name in 0..many {
            recent.insert(name, 7);
            recent.insert(name, 8);
            assert_eq!(recent.get(&0), Some(8));
        }
        assert_eq!(recent.get(&(many - 1)), Some(8));
        assert_eq!(recent.get(&(many - fit as u64 / 3)), Some(8));
        assert_eq!(recent.get(&1), None);
        assert!(recent.young.len() + recent.old.len() <= fit + 2);
    }
}
