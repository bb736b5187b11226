//! Metadata in the memory of this process; lost when it ends.

use super::Repository as Store;
use crate::batch::plan::Plan;
use crate::batch::{Outcome, Write};
use async_trait::async_trait;
use model::search::{self, Index, Query, Rank};
use model::{Metadata, RecordId};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use storage::Error;

/// Metadata in a sorted map. It keeps no tombstones: a deletion is a revision that no record has.
#[derive(Debug, Default)]
pub struct Repository {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    metadata: BTreeMap<RecordId, Indexed>,
    last: u64,
}

/// A record with the index of its title.
#[derive(Debug)]
struct Indexed {
    record: Arc<Metadata>,
    index: Index,
}

impl State {
    fn get(&self, id: &RecordId) -> Option<Arc<Metadata>> {
        self.metadata.get(id).map(|indexed| indexed.record.clone())
    }
}

impl Repository {
    // A write does not stop half-way, so that the state behind a poisoned lock is consistent.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for Repository {
    async fn get(&self, id: &RecordId) -> Result<Option<Arc<Metadata>>, Error> {
        Ok(self.read().get(id))
    }

    async fn batch_get(&self, ids: &[RecordId]) -> Result<Vec<Arc<Metadata>>, Error> {
        let state = self.read();
        Ok(ids.iter().filter_map(|id| state.get(id)).collect())
    }

    async fn apply(&self, writes: &[Write]) -> Result<Vec<Outcome>, Error> {
        let mut state = self.write();
        let ids: BTreeSet<&RecordId> = writes.iter().flat_map(Write::ids).collect();
        let stored = ids.into_iter().filter_map(|id| state.get(id)).collect();
        let plan = Plan::of(writes, stored, state.last);
        for record in plan.stored {
            let index = Index::of(record.title.as_str());
            state.metadata.insert(record.id.clone(), Indexed { record, index });
        }
        for (id, _) in plan.deleted {
            state.metadata.remove(&id);
        }
        state.last = plan.last;
        Ok(plan.outcomes)
    }

    async fn list(&self, after: Option<&RecordId>, limit: usize) -> Result<Vec<Arc<Metadata>>, Error> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let state = self.read();
        let range = state.metadata.range::<RecordId, _>((start, Bound::Unbounded));
        Ok(range.take(limit).map(|(_, indexed)| indexed.record.clone()).collect())
    }

    async fn search_ranks(
        &self,
        query: &Query,
        after: Option<&Rank>,
        limit: usize,
    ) -> Result<Vec<Rank>, Error> {
        let state = self.read();
        let ranks = state.metadata.iter().filter_map(|(id, indexed)| query.rank(&indexed.index, id.as_str()));
        let mut ranks: Vec<Rank> = ranks.filter(|rank| after.is_none_or(|after| rank > after)).collect();
        ranks.sort_unstable();
        ranks.truncate(limit);
        Ok(ranks)
    }

    async fn similar_words(&self, word: &str) -> Result<Vec<String>, Error> {
        let state = self.read();
        Ok(search::similar(word, state.metadata.values().flat_map(|indexed| search::meant(&indexed.index))))
    }

    async fn ready(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn close(&self) {}
}
