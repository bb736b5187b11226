//! What a transaction changes, computed without a database: the writes take effect one after the other, and each
//! change takes the next revision.

use super::{Outcome, Put, Write};
use model::{Metadata, RecordId};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The changes of a transaction, and the outcome of each of its writes.
pub(crate) struct Plan {
    /// One per write, in their order.
    pub(crate) outcomes: Vec<Outcome>,
    /// The records to store, each in its final state.
    pub(crate) stored: Vec<Arc<Metadata>>,
    /// The ids of the records to delete, each with the revision of its deletion. A record that the transaction
    /// creates and deletes is listed as well.
    pub(crate) deleted: Vec<(RecordId, u64)>,
    /// The revision counter after the transaction.
    pub(crate) last: u64,
}

impl Plan {
    /// Plans `writes`, given the `stored` records among their ids and the revision counter `last`.
    pub(crate) fn of(writes: &[Write], stored: Vec<Arc<Metadata>>, last: u64) -> Self {
        let current = stored.into_iter().map(|record| (record.id.clone(), record)).collect();
        let mut state = State { current, changed: BTreeMap::new(), last };
        let outcomes = writes.iter().map(|write| state.apply(write)).collect();
        let (mut stored, mut deleted) = (Vec::new(), Vec::new());
        for (id, revision) in state.changed {
            match state.current.remove(&id) {
                Some(record) => stored.push(record),
                None => deleted.push((id, revision)),
            }
        }
        Self { outcomes, stored, deleted, last: state.last }
    }
}

struct State {
    current: HashMap<RecordId, Arc<Metadata>>,
    /// The revision of the last change of each changed record.
    changed: BTreeMap<RecordId, u64>,
    last: u64,
}

impl State {
    fn apply(&mut self, write: &Write) -> Outcome {
        match write {
            Write::Put(batch) => Outcome::Put(batch.iter().map(|put| self.put(put)).collect()),
            Write::Delete(id) => Outcome::Deleted(self.delete(id)),
        }
    }

    fn put(&mut self, put: &Metadata) -> Put {
        let before = self.current.get(&put.id);
        if let Some(before) = before.filter(|before| is_same(put, before)) {
            return Put { metadata: before.clone(), created: false };
        }
        let created = before.is_none();
        let revision = self.change(&put.id);
        let metadata = Arc::new(Metadata { revision, ..put.clone() });
        self.current.insert(put.id.clone(), metadata.clone());
        Put { metadata, created }
    }

    fn delete(&mut self, id: &RecordId) -> bool {
        let deleted = self.current.remove(id).is_some();
        if deleted {
            self.change(id);
        }
        deleted
    }

    fn change(&mut self, id: &RecordId) -> u64 {
        self.last += 1;
        self.changed.insert(id.clone(), self.last);
        self.last
    }
}

/// Returns whether all fields but the revision are equal.
fn is_same(put: &Metadata, stored: &Metadata) -> bool {
    let Metadata { id, title, description, director, release_year, genres, revision: _ } = put;
    *id == stored.id
        && *title == stored.title
        && *description == stored.description
        && *director == stored.director
        && *release_year == stored.release_year
        && *genres == stored.genres
}

#[cfg(test)]
mod tests;
