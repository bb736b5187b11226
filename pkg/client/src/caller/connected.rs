//! A connection and the number of calls that it may carry.

use super::Options;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A connection to an instance, and how many more calls it may carry.
#[derive(Debug)]
pub(super) struct Connected<C> {
    pub(super) connection: C,
    room: Arc<Semaphore>,
    /// Room for the calls in flight that no caller waits for.
    abandoned: Arc<Semaphore>,
}

impl<C> Connected<C> {
    pub(super) fn new(connection: C, options: &Options) -> Self {
        let room = |permits: usize| Arc::new(Semaphore::new(permits.max(1)));
        Self { connection, room: room(options.max_in_flight), abandoned: room(options.max_in_flight / 2) }
    }

    /// Takes room for one more call, if there is some.
    pub(super) fn try_enter(&self) -> Option<OwnedSemaphorePermit> {
        self.room.clone().try_acquire_owned().ok()
    }

    /// Waits for room for one more call, in order of arrival.
    pub(super) async fn enter(&self) -> Option<OwnedSemaphorePermit> {
        self.room.clone().acquire_owned().await.ok()
    }

    /// Takes room for one more call that no caller waits for, if there is some.
    pub(super) fn try_abandon(&self) -> Option<OwnedSemaphorePermit> {
        self.abandoned.clone().try_acquire_owned().ok()
    }
}
