//! What the handlers share, and the form of their errors.

use super::origin::{Origin, Token};
use crate::config::Config;
use crate::faults::Faults;
use crate::fetch::Fetcher;
use crate::observe::Latest;
use crate::stores::Stores;
use axum::Json;
use axum::response::{IntoResponse, Response};
use discovery::Instance;
use http::StatusCode;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

/// What the handlers share.
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) origin: Origin,
    pub(crate) token: Token,
    pub(crate) stores: Arc<Stores>,
    pub(crate) latest: watch::Receiver<Arc<Latest>>,
    pub(crate) fetcher: Fetcher,
    pub(crate) faults: Option<Arc<dyn Faults>>,
    /// One permit for each page that may be open.
    pub(crate) pages: Arc<Semaphore>,
    pub(crate) stop: CancellationToken,
}

impl App {
    /// Returns the instances of `service` in the registry: the ready ones, or all if none is.
    pub(crate) fn instances(&self, service: &str) -> Vec<Instance> {
        let latest = Arc::clone(&self.latest.borrow());
        let listed = || latest.instances.iter().filter(|(instance, _)| instance.service == service);
        let ready: Vec<_> =
            listed().filter(|(_, ready)| *ready).map(|(instance, _)| instance.clone()).collect();
        if ready.is_empty() { listed().map(|(instance, _)| instance.clone()).collect() } else { ready }
    }
}

/// An error as the page shows it.
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) StatusCode, pub(crate) String);

impl Refusal {
    /// Creates a 400.
    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, text.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}
