//! The service's two protocols: each parses the request, makes one call and encodes the response.

pub(crate) mod grpc;
pub(crate) mod http;
mod response_cache;

pub(crate) use response_cache::ResponseCache;

use crate::controller::{Controller, Error};
use model::RecordId;
use response_cache::CachedMovie;
use service::Deadline;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The part of a request's time that is reserved for sending the response, so that a partial one arrives in time.
const MARGIN: Duration = Duration::from_millis(100);

/// What the handlers of both protocols use.
#[derive(Clone)]
pub(crate) struct AppState {
    controller: Controller,
    response_cache: Option<Arc<ResponseCache>>,
}

impl AppState {
    /// Creates the state of one worker. Without a `response_cache` every movie is read from the services.
    pub(crate) fn new(controller: Controller, response_cache: Option<Arc<ResponseCache>>) -> Self {
        Self { controller, response_cache }
    }

    /// Returns one movie, from the response cache if there is one.
    async fn get(&self, id: &RecordId, deadline: Deadline) -> Result<Arc<CachedMovie>, Error> {
        let read = self.controller.get(id, backend_deadline(deadline));
        match &self.response_cache {
            Some(cache) => cache.get_or_read(id, read).await,
            None => Ok(Arc::new(read.await?.into())),
        }
    }
}

/// Returns the time by which the backend services must respond to a request with this `deadline`.
fn backend_deadline(deadline: Deadline) -> Instant {
    let left = deadline.left();
    let margin = MARGIN.min(left / 5);
    Instant::from_std(deadline.0) - margin
}
