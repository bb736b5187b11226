//! What the REST handlers share.

use crate::controller::Controller;
use crate::ingester;
use std::sync::Arc;

/// The state of the routes.
#[derive(Clone)]
pub(crate) struct AppState {
    /// Executes the requests.
    pub(crate) controller: Controller,
    /// Ingestion, if it is enabled.
    pub(crate) ingesting: Option<Arc<ingester::Handle>>,
}
