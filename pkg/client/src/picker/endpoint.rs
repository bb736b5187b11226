//! An instance with its connection, and the calls in flight to it.

use crate::health::Health;
use crate::tally::Tally;
use discovery::Instance;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An instance and the connection to it.
#[derive(Debug)]
pub struct Endpoint<C> {
    instance: Instance,
    connection: C,
    in_flight: AtomicUsize,
    tally: Arc<Tally>,
}

impl<C> Endpoint<C> {
    pub(super) fn new(instance: Instance, connection: C) -> Self {
        Self { instance, connection, in_flight: AtomicUsize::new(0), tally: Arc::default() }
    }

    /// Returns the instance.
    #[must_use]
    pub fn instance(&self) -> &Instance {
        &self.instance
    }

    /// Returns the connection to the instance.
    #[must_use]
    pub fn connection(&self) -> &C {
        &self.connection
    }

    /// Returns the counts of the tries at the instance.
    pub(crate) const fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    /// Returns the number of leases on the endpoint.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }
}

/// A call's hold on its endpoint. The call counts as in flight until the lease is dropped.
#[derive(Debug)]
pub struct Lease<C> {
    endpoint: Arc<Endpoint<C>>,
    /// Health of the endpoint when it was picked.
    pub(super) health: Health,
}

impl<C> Lease<C> {
    pub(super) fn new(endpoint: &Arc<Endpoint<C>>, health: Health) -> Self {
        endpoint.in_flight.fetch_add(1, Ordering::Relaxed);
        Self { endpoint: endpoint.clone(), health }
    }

    /// Returns the endpoint that was picked.
    #[must_use]
    pub fn endpoint(&self) -> &Arc<Endpoint<C>> {
        &self.endpoint
    }
}

impl<C> Clone for Lease<C> {
    /// Creates a second lease for the same call. Its endpoint counts one more call in flight.
    fn clone(&self) -> Self {
        Self::new(&self.endpoint, self.health)
    }
}

impl<C> Drop for Lease<C> {
    fn drop(&mut self) {
        self.endpoint.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
