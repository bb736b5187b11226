//! The paths common to all ports: `/healthz`, `/readyz`,
//! `/metrics`, `/openapi.json`, and gRPC's health.

mod grpc;

pub(crate) use grpc::reporter;

use crate::accept::{self, Offer};
use crate::{Metrics, Problem, chain};
use axum::Router;
use axum::extract::State;
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
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

/// The time limit of a readiness check.
const READY_WITHIN: Duration = Duration::from_secs(1);

const OPEN_METRICS: Offer = Offer {
    r#type: "application",
    subtype: "openmetrics-text",
    has: |name, value| has_metrics_parameter("1.0.0", name, value),
};

const PLAIN: Offer = Offer {
    r#type: "text",
    subtype: "plain",
    has: |name, value| has_metrics_parameter("0.0.4", name, value),
};

fn has_metrics_parameter(version: &str, name: &str, value: &str) -> bool {
    match name {
        "version" => value == version,
        "charset" => value.eq_ignore_ascii_case("utf-8"),
        // All names are plain, and the same in each escaping.
        "escaping" => true,
        _ => false,
    }
}

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
        let open_metrics = prefers_open_metrics(headers);
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

/// Returns true if a client prefers OpenMetrics 1.0 to the Prometheus format 0.0.4. If neither is acceptable, the latter
/// is sent.
fn prefers_open_metrics(headers: &HeaderMap) -> bool {
    let open = accept::media(headers, &OPEN_METRICS);
    let plain = accept::media(headers, &PLAIN);
    open > plain || (open == plain && open.is_named())
}

/// Returns the routes common to all ports.
pub(crate) fn router(standing: &Arc<Standing>) -> Router {
    Router::new()
        .route("/healthz", get(live))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(openapi))
        .with_state(Arc::clone(standing))
}

/// Returns the description of these routes.
pub(crate) fn document() -> OpenApi {
    Document::openapi()
}

#[derive(utoipa::OpenApi)]
#[openapi(paths(live, ready, metrics, openapi), tags((name = "operation", description = "The state of the process.")))]
struct Document;

/// Returns `ok` while the process serves.
#[utoipa::path(
    get, path = "/healthz", operation_id = "getHealth", tag = "operation",
    responses((status = 200, description = "The process serves.", body = String))
)]
async fn live() -> &'static str {
    "ok\n"
}

/// Returns whether the service is ready for requests.
#[utoipa::path(
    get, path = "/readyz", operation_id = "getReadiness", tag = "operation",
    responses(
        (status = 200, description = "The service is ready.", body = String),
        (status = 503, description = "The service is not ready, or overloaded; `detail` has the reason.")
    )
)]
async fn ready(State(standing): State<Arc<Standing>>) -> Result<&'static str, Problem> {
    standing.ready().await
}

/// Returns the metrics for Prometheus.
#[utoipa::path(
    get, path = "/metrics", operation_id = "getMetrics", tag = "operation",
    responses((
        status = 200, description = "The metrics, in the format that `Accept` prefers.",
        content((String = "text/plain"), (String = "application/openmetrics-text"))
    ))
)]
async fn metrics(State(standing): State<Arc<Standing>>, headers: HeaderMap) -> Response {
    standing.metrics(&headers)
}

/// Returns this document.
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "getOpenApi", tag = "operation",
    responses((
        status = 200, description = "The OpenAPI document of this port.",
        content_type = "application/json", body = Object
    ))
)]
async fn openapi(State(standing): State<Arc<Standing>>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], standing.openapi.clone()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn metrics_have_preferred_format() {
        for (accept, expected) in [
            (&[][..], false),
            (&["*/*"], false),
            (&["application/*, text/*"], false),
            (&["application/*, text/*;q=0.9"], true),
            (&["application/openmetrics-text"], true),
            (&["Application/OpenMetrics-Text; Version=\"1.0.0\"; charset=UTF-8"], true),
            (&["application/openmetrics-text, text/plain"], true),
            (&["application/openmetrics-text, */*"], true),
            (&["application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"], true),
            (
                &["application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;q=0.5"],
                true,
            ),
            (&["text/plain;q=0.5", "application/openmetrics-text;q=0.6"], true),
            (&["application/openmetrics-text;q=0.5, text/plain"], false),
            (&["text/plain, application/openmetrics-text;q=0"], false),
            (&["application/openmetrics-text;q=0"], false),
            (&["application/openmetrics-text;version=2.0.0, text/plain;q=0.1"], false),
            (&["application/openmetrics-text;version=2.0.0"], false),
            (&["text/plain;x=\"application/openmetrics-text\""], false),
            (&["application/openmetrics-text-x", "xapplication/openmetrics-text"], false),
            (&["text/plain;version=1.0.0, */*;q=0.1"], false),
            (&["image/png"], false),
        ] {
            let lines = accept.iter().map(|line| (header::ACCEPT, HeaderValue::from_static(line)));
            let mut headers = HeaderMap::new();
            lines.for_each(|(name, line)| _ = headers.append(name, line));
            assert_eq!(prefers_open_metrics(&headers), expected, "{accept:?}");
        }
    }
}
