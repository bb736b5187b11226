//! The number of requests in flight. Each worker counts its own, so that they do not contend for one number.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// One worker's requests in flight.
#[derive(Clone, Debug, Default)]
pub(super) struct InFlightCount(Arc<AtomicI64>);

impl InFlightCount {
    /// Counts a request.
    pub(super) fn enter(&self) -> InFlight {
        self.0.fetch_add(1, Ordering::Relaxed);
        InFlight(self.clone())
    }
}

/// A request counts as in flight until this is dropped.
#[derive(Debug)]
pub(crate) struct InFlight(InFlightCount);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The requests in flight of all workers.
#[derive(Debug, Default)]
pub(super) struct InFlightSum(Mutex<Vec<InFlightCount>>);

impl InFlightSum {
    /// Returns the count of a further worker.
    pub(super) fn add_worker(&self) -> InFlightCount {
        let worker = InFlightCount::default();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(worker.clone());
        worker
    }

    /// Returns the sum.
    pub(super) fn get(&self) -> i64 {
        let workers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        workers.iter().map(|worker| worker.0.load(Ordering::Relaxed)).sum()
    }
}
