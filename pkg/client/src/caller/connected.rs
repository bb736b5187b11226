//! A connection and the number of calls that it may carry.

use super::options::Options;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Permission for one call in flight, until it is dropped.
pub(super) type Permit = OwnedSemaphorePermit;

/// A connection to an instance with the limits on its calls in flight.
#[derive(Debug)]
pub(super) struct Connected<C> {
    pub(super) connection: C,
    calls: Arc<Semaphore>,
    /// Calls for which no caller waits.
    abandoned: Arc<Semaphore>,
}

impl<C> Connected<C> {
    pub(super) fn new(connection: C, options: &Options) -> Self {
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits.max(1)));
        Self {
            connection,
            calls: semaphore(options.max_in_flight),
            abandoned: semaphore(options.max_in_flight / 2),
        }
    }

    /// Returns a permit for one more call, if one is available.
    pub(super) fn try_acquire(&self) -> Option<Permit> {
        self.calls.clone().try_acquire_owned().ok()
    }

    /// Waits for a permit for one more call, in order of arrival.
    pub(super) async fn acquire(&self) -> Option<Permit> {
        self.calls.clone().acquire_owned().await.ok()
    }

    /// Returns a permit for one more call for which no caller waits, if one is available.
    pub(super) fn try_abandon(&self) -> Option<Permit> {
        self.abandoned.clone().try_acquire_owned().ok()
    }
}
