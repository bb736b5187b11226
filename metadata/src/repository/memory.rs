//! Metadata in this process's memory, gone with it.

use super::change::Change;
use super::{Put, Repository as Store, Stored};
use async_trait::async_trait;
use model::search::{Query, Rank};
use model::{Metadata, RecordId};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use storage::Error;

/// Keeps metadata in a sorted map. Its tombstones are the revisions that no record has.
#[derive(Debug, Default)]
pub struct Repository {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    metadata: BTreeMap<RecordId, Stored>,
    last: u64,
}

impl Repository {
    // No write stops half-way, so that the state behind a poisoned lock is whole.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for Repository {
    async fn get(&self, id: &RecordId) -> Result<Option<Stored>, Error> {
        Ok(self.read().metadata.get(id).cloned())
    }

    async fn batch_get(&self, ids: &[RecordId]) -> Result<Vec<Stored>, Error> {
        let state = self.read();
        Ok(ids.iter().filter_map(|id| state.metadata.get(id).cloned()).collect())
    }

    async fn batch_put(&self, batch: &[Metadata]) -> Result<Vec<Put>, Error> {
        let mut state = self.write();
        let stored = batch.iter().filter_map(|put| state.metadata.get(&put.id).cloned()).collect();
        let change = Change::of(batch, stored, state.last);
        state.last = change.last;
        for metadata in change.changed {
            state.metadata.insert(metadata.id.clone(), metadata);
        }
        Ok(change.puts)
    }

    async fn delete(&self, id: &RecordId) -> Result<bool, Error> {
        let mut state = self.write();
        let deleted = state.metadata.remove(id).is_some();
        state.last += u64::from(deleted);
        Ok(deleted)
    }

    async fn list(&self, after: Option<&RecordId>, limit: usize) -> Result<Vec<Stored>, Error> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let state = self.read();
        let range = state.metadata.range::<RecordId, _>((start, Bound::Unbounded));
        Ok(range.take(limit).map(|(_, metadata)| metadata.clone()).collect())
    }

    async fn search(
        &self,
        query: &Query,
        after: Option<&Rank>,
        limit: usize,
    ) -> Result<Vec<(Stored, Rank)>, Error> {
        let state = self.read();
        let mut found: Vec<(&Stored, Rank)> = state
            .metadata
            .values()
            .filter_map(|metadata| {
                Some((metadata, query.rank(metadata.title.as_str(), metadata.id.as_str())?))
            })
            .filter(|(_, rank)| after.is_none_or(|after| rank > after))
            .collect();
        found.sort_unstable_by(|(_, a), (_, b)| a.cmp(b));
        found.truncate(limit);
        Ok(found.into_iter().map(|(metadata, rank)| (metadata.clone(), rank)).collect())
    }

    async fn ready(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn close(&self) {}
}
