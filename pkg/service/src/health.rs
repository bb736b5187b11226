//! The paths common to all ports: `/healthz`, `/readyz`,
//! `/metrics`, `/openapi.json`, and gRPC's health.

mod grpc;

pub(crate) use grpc::reporter;

use crate::{Metrics, Problem, chain};
use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use fault::Kind;
use futures::future::{BoxFuture, FutureExt, TryFutureExt};
use http::{HeaderMap, header};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::timeout;

/// The time limit of a readiness check.
const READY_WITHIN: Duration = Duration::from_secs(1);

type BoxError = Box<dyn Error + Send + Sync>;

/// A readiness check.
pub struct Ready(Box<dyn Fn() -> BoxFuture<'static, Result<(), BoxError>> + Send + Sync>);

impl Ready {
    /// A check that always succeeds.
    #[must_use]
    pub fn always() -> Self {
        Self::when(|| std::future::ready(Ok::<_, BoxError>(())))
    }

    /// Creates a check that succeeds if `check` does within a second. Callers of `/readyz` get an error with
    /// its causes.
    pub fn when<F, E>(check: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        Self(Box::new(move || check().map_err(Into::into).boxed()))
    }
}

/// The readiness of a service; shared by all its workers.
pub(crate) struct Standing {
    pub(crate) metrics: Metrics,
    openapi: Bytes,
    draining: AtomicBool,
    ready: Ready,
}

impl Standing {
    pub(crate) fn new(metrics: Metrics, openapi: Bytes, ready: Ready) -> Self {
        Self { metrics, openapi, draining: AtomicBool::new(false), ready }
    }

    /// Marks the service as not ready from now on.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    async fn ready(&self) -> Result<&'static str, Problem> {
        let unready = |reason: &str| Problem::of(Kind::Unavailable, format!("not ready: {reason}"));
        if self.draining.load(Ordering::Relaxed) {
            return Err(unready("the service is stopping"));
        }
        match timeout(READY_WITHIN, (self.ready.0)()).await {
            Ok(Ok(())) => Ok("ready\n"),
            Ok(Err(error)) => Err(unready(&chain(&*error))),
            Err(_) => Err(unready("storage did not respond in time")),
        }
    }

    fn metrics(&self, headers: &HeaderMap) -> Response {
        let accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let open_metrics = accept.into_iter().any(|value| value.contains("application/openmetrics-text"));
        let content_type = if open_metrics {
            "application/openmetrics-text; version=1.0.0; charset=utf-8"
        } else {
            "text/plain; version=0.0.4; charset=utf-8"
        };
        match self.metrics.text(open_metrics) {
            Ok(text) => ([(header::CONTENT_TYPE, content_type)], text).into_response(),
            Err(error) => Problem::internal(format!("can't write the metrics: {error}")).into_response(),
        }
    }
}

/// Returns the routes common to all ports.
pub(crate) fn router(standing: &Arc<Standing>) -> Router {
    let [ready, metrics, openapi] = [(); 3].map(|()| Arc::clone(standing));
    let document = move || async move {
        ([(header::CONTENT_TYPE, "application/json")], openapi.openapi.clone()).into_response()
    };
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(move || async move { ready.ready().await }))
        .route("/metrics", get(move |headers: HeaderMap| async move { metrics.metrics(&headers) }))
        .route("/openapi.json", get(document))
}
