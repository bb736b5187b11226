//! Traces and logs.

use super::app::{App, Refusal};
use crate::logs;
use crate::text::Needle;
use crate::time::{SECOND, now};
use crate::traces;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// The maximum number of traces, of log records and of routes in a response.
const MAX_TRACES: usize = 500;
const MAX_LOGS: usize = 2_000;
const MAX_ROUTES: usize = 200;

/// The maximum number of log records with a trace.
const MAX_LOGS_OF_TRACE: usize = 500;

/// How long the spans of a trace may take to arrive: each service sends its own once a second.
const ARRIVAL: u64 = 3 * SECOND;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TraceQuery {
    service: Option<String>,
    route: Option<String>,
    status: Option<String>,
    min_duration_ms: Option<String>,
    text: Option<String>,
    order: Option<String>,
    limit: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct LogQuery {
    service: Option<String>,
    level: Option<String>,
    trace_id: Option<String>,
    text: Option<String>,
    limit: Option<usize>,
}

/// Lists traces.
pub(super) async fn traces(
    State(app): State<Arc<App>>,
    query: Result<Query<TraceQuery>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let query = trace_query(valid(query)?)?;
    let store = app.stores.traces();
    let counts = store.counts();
    Ok(Json(json!({
        "traces": store.find(&query),
        "stored": counts.stored,
        "limit": counts.limit,
        "dropped": counts.dropped,
        "services": store.services(),
        "routes": store.routes(MAX_ROUTES),
    })))
}

/// Returns one trace with its log records.
pub(super) async fn trace(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, (StatusCode, Json<Value>)> {
    let gone = |dropped: bool| {
        let error = "this trace is not stored (any more)";
        (StatusCode::NOT_FOUND, Json(json!({"error": error, "dropped": dropped})))
    };
    let id = trace_id(&id).map_err(|Refusal(status, error)| (status, Json(json!({"error": error}))))?;
    let detail = {
        let store = app.stores.traces();
        store.detail(id).ok_or_else(|| gone(store.was_dropped(id)))?
    };
    let query = logs::Query { trace: Some(id), limit: MAX_LOGS_OF_TRACE, ..logs::Query::default() };
    let mut trace = json!(detail);
    trace["logs"] = json!(app.stores.logs().find(&query));
    Ok(Json(trace))
}

/// Lists log records.
pub(super) async fn logs(
    State(app): State<Arc<App>>,
    query: Result<Query<LogQuery>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let LogQuery { service, level, trace_id: trace, text, limit } = valid(query)?;
    let query = logs::Query {
        service: given(service),
        level: given(level).map(|level| level_of(&level)).transpose()?,
        trace: given(trace).map(|id| trace_id(&id)).transpose()?,
        text: text.as_deref().and_then(Needle::new),
        limit: limit.unwrap_or(500).min(MAX_LOGS),
    };
    let store = app.stores.logs();
    let counts = store.counts();
    Ok(Json(json!({
        "logs": store.find(&query),
        "stored": counts.stored,
        "limit": counts.limit,
        "dropped": counts.dropped,
    })))
}

fn valid<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Refusal> {
    query.map(|Query(query)| query).map_err(|rejection| Refusal::invalid(rejection.body_text()))
}

/// A parameter that is present and empty is absent: that is how forms send it.
fn given(parameter: Option<String>) -> Option<String> {
    parameter.filter(|text| !text.is_empty())
}

fn trace_query(query: TraceQuery) -> Result<traces::Query, Refusal> {
    let failed = match given(query.status).as_deref() {
        None => None,
        Some("ok") => Some(false),
        Some("error") => Some(true),
        Some(_) => return Err(Refusal::invalid("status must be ok or error")),
    };
    let order = match given(query.order).as_deref() {
        None | Some("newest") => traces::Order::Newest,
        Some("slowest") => traces::Order::Slowest,
        Some("failed") => traces::Order::Failed,
        Some(_) => return Err(Refusal::invalid("order must be newest, slowest or failed")),
    };
    let min_duration = match given(query.min_duration_ms) {
        None => 0.0,
        Some(text) => {
            let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0);
            number.ok_or_else(|| Refusal::invalid("minDurationMs must be a number of milliseconds from 0"))?
        }
    };
    Ok(traces::Query {
        service: given(query.service),
        route: given(query.route),
        failed,
        min_duration: (min_duration * 1e6) as u64,
        text: query.text.as_deref().and_then(Needle::new),
        arriving_since: Some(now().saturating_sub(ARRIVAL)),
        order,
        limit: query.limit.unwrap_or(50).min(MAX_TRACES),
    })
}

fn trace_id(text: &str) -> Result<u128, Refusal> {
    let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = u128::from_str_radix(text, 16).ok().filter(|_| digits);
    id.ok_or_else(|| Refusal::invalid("a trace id has 32 hexadecimal digits"))
}

fn level_of(text: &str) -> Result<logs::Level, Refusal> {
    match text {
        "error" => Ok(logs::Level::Error),
        "warn" => Ok(logs::Level::Warn),
        "info" => Ok(logs::Level::Info),
        "debug" => Ok(logs::Level::Debug),
        _ => Err(Refusal::invalid("level must be error, warn, info or debug")),
    }
}
