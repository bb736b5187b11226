//! What a batch of puts changes, given what is stored: the rule of revisions, one for all stores.

use super::{Put, Stored};
use model::Metadata;
use std::collections::HashMap;

/// What is left to be written of a batch, and what to answer.
pub(super) struct Change {
    /// One for each entry of the batch, in its order.
    pub(super) puts: Vec<Put>,
    /// Those entries that differ from what was stored, with their new revisions.
    pub(super) changed: Vec<Stored>,
    /// The counter afterwards.
    pub(super) last: u64,
}

impl Change {
    /// Compares `batch` with the `stored` states of its ids; `last` is the counter before.
    pub(super) fn of(batch: &[Metadata], stored: Vec<Stored>, mut last: u64) -> Self {
        let stored: HashMap<_, _> = stored.into_iter().map(|stored| (stored.id.clone(), stored)).collect();
        let mut changed = Vec::new();
        let puts = batch
            .iter()
            .map(|put| {
                let before = stored.get(&put.id);
                if let Some(before) = before.filter(|before| is_same(put, before)) {
                    return Put { metadata: before.clone(), created: false };
                }
                last += 1;
                let metadata = Stored::from(Metadata { revision: last, ..put.clone() });
                changed.push(metadata.clone());
                Put { metadata, created: before.is_none() }
            })
            .collect();
        Self { puts, changed, last }
    }
}

fn is_same(put: &Metadata, stored: &Metadata) -> bool {
    let Metadata { id, title, description, director, release_year, genres, revision: _ } = put;
    *id == stored.id
        && *title == stored.title
        && *description == stored.description
        && *director == stored.director
        && *release_year == stored.release_year
        && *genres == stored.genres
}
