//! The keys that are known: once committed they never change, so most batches need not look theirs up. SQLite's file
//! belongs to this process; PostgreSQL may lose what it committed, so `postgres/history.rs` has each batch check that the
//! keys still exist.

use super::recent::Recent;
use model::{Record, UserId};
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// How much memory the names of a kind may take, in bytes.
const ROOM: usize = 16 << 20;

/// About what an entry takes beside its name's bytes: the map's slot, and what allocating adds.
const ENTRY: usize = 64;

/// How many names are looked up at a time, so that no reader waits for long.
const AT_A_TIME: usize = 500;

/// The keys of records and users that were used last, for any number of lanes.
#[derive(Debug)]
pub(in crate::repository) struct Known {
    records: Mutex<Recent<Record, i64>>,
    users: Mutex<Recent<UserId, i64>>,
}

impl Default for Known {
    fn default() -> Self {
        let of_record =
            |name: &Record| name.record_type.as_str().len() + name.record_id.as_str().len() + ENTRY;
        let of_user = |name: &UserId| name.as_str().len() + ENTRY;
        Self {
            records: Mutex::new(Recent::new(ROOM, of_record)),
            users: Mutex::new(Recent::new(ROOM, of_user)),
        }
    }
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

/// The places in a list of keys that have none.
pub(in crate::repository) fn unknown(keys: &[Option<i64>]) -> Vec<usize> {
    (0..keys.len()).filter(|&place| keys[place].is_none()).collect()
}

fn look_up<K: Hash + Eq>(recent: &Mutex<Recent<K, i64>>, names: &[&K]) -> Vec<Option<i64>> {
    let mut keys = Vec::with_capacity(names.len());
    for some in names.chunks(AT_A_TIME) {
        let mut recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
        keys.extend(some.iter().map(|name| recent.get(name)));
    }
    keys
}

fn remember<K: Hash + Eq>(recent: &Mutex<Recent<K, i64>>, learned: Vec<(K, i64)>) {
    let mut learned = learned.into_iter().peekable();
    while learned.peek().is_some() {
        let mut recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
        learned.by_ref().take(AT_A_TIME).for_each(|(name, key)| recent.insert(name, key));
    }
}

/// Keys that were looked up or given; to be remembered once they are committed.
#[derive(Debug, Default)]
pub(in crate::repository) struct Learned {
    /// Whether a name got a key that had none before.
    pub(in crate::repository) given: bool,
    pub(in crate::repository) records: Vec<(Record, i64)>,
    pub(in crate::repository) users: Vec<(UserId, i64)>,
}
