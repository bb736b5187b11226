//! The titles of a store, kept in step with it.

use super::super::Repository as Store;
use super::titles::Titles;
use model::RecordId;
use model::search::{Query, Rank};
use std::sync::{Arc, PoisonError, RwLock};
use storage::Error;
use tokio::sync::Mutex;

/// How many bytes of titles are kept: some 30,000. A store with more is searched itself.
const BYTES: usize = 8 * 1024 * 1024;

/// How many records are read at a time.
const PAGE: usize = 500;

/// The titles of a store that nobody writes to but through its owner.
pub(super) struct Index {
    store: Arc<dyn Store>,
    state: RwLock<State>,
    /// Held by who notes what was written: so the last to note a record has read it last.
    noting: Mutex<()>,
}

enum State {
    Known(Titles),
    /// They are more than [`BYTES`].
    TooMany,
    /// What is stored could not be read after a write.
    Lost,
}

impl Index {
    /// Reads all titles of `store`.
    pub(super) async fn read(store: Arc<dyn Store>) -> Result<Self, Error> {
        let state = RwLock::new(all(&*store).await?);
        Ok(Self { store, state, noting: Mutex::default() })
    }

    /// What [`Titles::search`] finds; `None` where the store must be asked.
    pub(super) fn search(
        &self,
        query: &Query,
        after: Option<&Rank>,
        limit: usize,
    ) -> Option<Vec<(RecordId, Rank)>> {
        match &*self.state.read().unwrap_or_else(PoisonError::into_inner) {
            State::Known(titles) => Some(titles.search(query, after, limit)),
            State::TooMany | State::Lost => None,
        }
    }

    /// Notes what is stored under `ids` now. To be called after a write, whether or not it said that it went well,
    /// and before its writer is told.
    pub(super) async fn wrote(&self, ids: &[RecordId]) {
        let _noting = self.noting.lock().await;
        let noted = match &*self.state.read().unwrap_or_else(PoisonError::into_inner) {
            State::TooMany => return,
            State::Known(_) => true,
            State::Lost => false,
        };
        let read =
            if noted { self.note(ids).await } else { all(&*self.store).await.map(|state| self.set(state)) };
        if let Err(error) = read {
            tracing::warn!(%error, "titles are searched in the store until they can be read again");
            self.set(State::Lost);
        }
    }

    async fn note(&self, ids: &[RecordId]) -> Result<(), Error> {
        let stored = self.store.batch_get(ids).await?;
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if let State::Known(titles) = &mut *state {
            ids.iter().for_each(|id| titles.remove(id));
            stored.iter().for_each(|record| titles.put(&record.id, record.title.as_str()));
            if titles.bytes() > BYTES {
                *state = too_many();
            }
        }
        Ok(())
    }

    fn set(&self, state: State) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

async fn all(store: &dyn Store) -> Result<State, Error> {
    let mut titles = Titles::default();
    let mut after: Option<RecordId> = None;
    loop {
        let page = store.list(after.as_ref(), PAGE).await?;
        page.iter().for_each(|record| titles.put(&record.id, record.title.as_str()));
        if titles.bytes() > BYTES {
            return Ok(too_many());
        }
        after = match page.last() {
            Some(record) if page.len() == PAGE => Some(record.id.clone()),
            _ => return Ok(State::Known(titles)),
        };
    }
}

fn too_many() -> State {
    tracing::info!("there are too many titles to keep them in memory: the store is searched");
    State::TooMany
}
