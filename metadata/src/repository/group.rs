//! What several writes change when they share a transaction: the same as one after the other.

use super::change::Change;
use super::{Put, Stored};
use model::{Metadata, RecordId};
use std::collections::{BTreeMap, HashMap};

/// What one caller wants written.
#[derive(Clone, Debug)]
pub(super) enum Write {
    /// Stores all of these, in which no id occurs twice.
    Put(Vec<Metadata>),
    /// Deletes what is stored under this id.
    Delete(RecordId),
}

/// The result of a [`Write`].
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Written {
    /// What is stored, in the order of the batch.
    Put(Vec<Put>),
    /// Whether something was stored.
    Deleted(bool),
}

/// What a transaction leaves of all its writes.
pub(super) struct Group {
    /// One for each write, in their order.
    pub(super) written: Vec<Written>,
    /// The records that are stored and differ from what was stored before.
    pub(super) stored: Vec<Stored>,
    /// The ids of the records that are gone, each with the revision of its deletion.
    pub(super) deleted: Vec<(RecordId, u64)>,
    /// The counter afterwards.
    pub(super) last: u64,
}

impl Write {
    /// The ids of the records that it may change.
    pub(super) fn ids(&self) -> impl Iterator<Item = &RecordId> {
        let (puts, delete) = match self {
            Self::Put(batch) => (batch.as_slice(), None),
            Self::Delete(id) => (&[][..], Some(id)),
        };
        puts.iter().map(|put| &put.id).chain(delete)
    }
}

impl Group {
    /// Makes `writes` one after the other, given the `stored` states of their ids and the counter before.
    pub(super) fn of(writes: &[Write], stored: Vec<Stored>, mut last: u64) -> Self {
        let mut current: HashMap<RecordId, Stored> =
            stored.into_iter().map(|stored| (stored.id.clone(), stored)).collect();
        // By id: the record, or the revision of its deletion.
        let mut changed: BTreeMap<RecordId, Result<Stored, u64>> = BTreeMap::new();
        let mut write = |write: &Write| match write {
            Write::Put(batch) => {
                let before = batch.iter().filter_map(|put| current.get(&put.id).cloned()).collect();
                let change = Change::of(batch, before, last);
                last = change.last;
                for stored in change.changed {
                    current.insert(stored.id.clone(), stored.clone());
                    changed.insert(stored.id.clone(), Ok(stored));
                }
                Written::Put(change.puts)
            }
            Write::Delete(id) => {
                let deleted = current.remove(id).is_some();
                if deleted {
                    last += 1;
                    changed.insert(id.clone(), Err(last));
                }
                Written::Deleted(deleted)
            }
        };
        let written = writes.iter().map(&mut write).collect();
        let (mut stored, mut deleted) = (Vec::new(), Vec::new());
        for (id, change) in changed {
            match change {
                Ok(record) => stored.push(record),
                Err(revision) => deleted.push((id, revision)),
            }
        }
        Self { written, stored, deleted, last }
    }
}

#[cfg(test)]
mod tests;
