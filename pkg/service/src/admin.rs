//! The administration of a running process: `/admin/log`, for callers on the same host only.

use crate::config::filter;
use crate::extract::Json;
use crate::layer::Call;
use crate::{Problem, telemetry};
use axum::Router;
use axum::extract::FromRequestParts;
use axum::routing::get;
use fault::Kind;
use http::header;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::openapi::OpenApi;
use utoipa::{OpenApi as _, ToSchema};

/// Returns the routes.
pub(crate) fn router() -> Router {
    Router::new().route("/admin/log", get(get_log).put(put_log))
}

/// Returns the description of these routes.
pub(crate) fn document() -> OpenApi {
    Document::openapi()
}

#[derive(utoipa::OpenApi)]
#[openapi(
    paths(get_log, put_log),
    tags((name = "administration", description = "What only callers on the service's host may do."))
)]
struct Document;

/// The filter of the log.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LogFilter {
    /// A level (error, warn, info, debug, trace, off), or comma-separated target=level pairs.
    #[schema(example = "info,rating=debug")]
    filter: String,
}

/// A caller on the same host that is not a web page. Its address is that of the connection: headers prove nothing.
struct Administrator;

impl<S: Sync> FromRequestParts<S> for Administrator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let peer = parts.extensions.get::<Call>().and_then(Call::peer);
        if !peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback()) {
            return Err(Problem::of(Kind::PermissionDenied, "only callers on the same host may do this"));
        }
        // A page whose host name resolves to this host (DNS rebinding) is of the same origin.
        if parts.headers.contains_key(header::ORIGIN) {
            return Err(Problem::of(Kind::PermissionDenied, "web pages must not do this"));
        }
        Ok(Self)
    }
}

fn uninitialized() -> Problem {
    Problem::of(Kind::Unavailable, "the process has not initialized its log")
}

/// Returns the filter of the process's log. Only callers on the service's host may do this.
#[utoipa::path(
    get, path = "/admin/log", operation_id = "getLogFilter", tag = "administration",
    responses(
        (status = 200, description = "The filter.", body = LogFilter),
        (status = 403, description = "The caller is not on the service's host, or is a web page.")
    )
)]
async fn get_log(_: Administrator) -> Result<Json<LogFilter>, Problem> {
    let filter = telemetry::log_filter().ok_or_else(uninitialized)?;
    Ok(Json(LogFilter { filter }))
}

/// Replaces the filter of the process's log until it ends. Only callers on the service's host may do this.
#[utoipa::path(
    put, path = "/admin/log", operation_id = "putLogFilter", tag = "administration", request_body = LogFilter,
    responses(
        (status = 200, description = "The filter was replaced.", body = LogFilter),
        (status = 403, description = "The caller is not on the service's host, or is a web page.")
    )
)]
async fn put_log(
    _: Administrator,
    Json(LogFilter { filter: text }): Json<LogFilter>,
) -> Result<Json<LogFilter>, Problem> {
    let filter = filter(&text).map_err(|rule| Problem::invalid("filter", rule))?;
    if !telemetry::set_log_filter(filter.clone()) {
        return Err(uninitialized());
    }
    tracing::warn!(filter, "the log's filter was replaced");
    Ok(Json(LogFilter { filter }))
}
