//! `/v1/health/*`: services with their checks, and checks alone; `/v1/agent/health/*`: health as a status code.

use super::query::Query;
use super::reply::Reply;
use super::{catalog, view};
use crate::definition::Status;
use crate::refusal::Refusal;
use crate::shared::{self, Shared};
use crate::state::{Service, State};
use http::StatusCode;
use serde_json::{Value, json};

/// Returns the instances of a service, each with its node and all checks that affect it.
pub(super) fn service(shared: &Shared, state: &State, name: &str, query: &Query) -> Result<Value, Refusal> {
    let only_passing = query.flag("passing")?;
    if shared::is_consul(name) {
        return Ok(json!([{
            "Node": view::node(shared, state),
            "Service": view::consul(shared, state),
            "Checks": [view::serf_health(state)],
        }]));
    }
    let wanted = |service: &&Service| {
        let passes = state.status(&service.definition.id) == Status::Passing;
        (passes || !only_passing) && catalog::has_tags(&service.definition.tags, query)
    };
    let entries = state.instances(name).filter(wanted).map(|service| {
        let mut checks = vec![view::serf_health(state)];
        checks.extend(state.checks_of(&service.definition.id).map(|check| view::check(state, check)));
        json!({
            "Node": view::node(shared, state),
            "Service": view::health_service(service),
            "Checks": checks,
        })
    });
    Ok(entries.collect())
}

/// Returns the checks of a service.
pub(super) fn checks(state: &State, name: &str) -> Value {
    let checks = state.instances(name).flat_map(|service| state.checks_of(&service.definition.id));
    checks.map(|check| view::check(state, check)).collect()
}

/// Returns all checks of the node.
pub(super) fn node(state: &State, name: &str) -> Value {
    if name.eq_ignore_ascii_case(shared::NODE) { all(state).collect() } else { json!([]) }
}

/// Returns the checks with a status, or `any`.
pub(super) fn state(state: &State, status: &str) -> Value {
    all(state).filter(|check| status == "any" || check["Status"] == status).collect()
}

/// Returns every check.
pub(super) fn all(state: &State) -> impl Iterator<Item = Value> {
    let checks = state.checks().map(|check| view::check(state, check));
    std::iter::once(view::serf_health(state)).chain(checks)
}

/// Returns the health of one service of the agent.
pub(super) fn by_id(shared: &Shared, id: &str, query: &Query) -> Reply {
    let known =
        shared.read(|state| state.service(id).map(|service| (state.status(id), aggregated(state, service))));
    match known {
        Some((status, value)) => health(code(status), status.name(), value, query),
        None => {
            let value = json!({"AggregatedStatus": "critical", "Service": null, "Checks": null});
            health(StatusCode::NOT_FOUND, &format!("ServiceId {id} not found"), value, query)
        }
    }
}

/// Returns the health of the agent's services of a name: the worst status.
pub(super) fn by_name(shared: &Shared, name: &str, query: &Query) -> Reply {
    let (worst, values) = shared.read(|state| {
        let named = || state.services().filter(|service| service.definition.name == name);
        let worst = named().map(|service| state.status(&service.definition.id)).max();
        (worst, named().map(|service| aggregated(state, service)).collect::<Value>())
    });
    match worst {
        Some(status) => health(code(status), status.name(), values, query),
        None => health(StatusCode::NOT_FOUND, &format!("ServiceName {name} Not Found"), values, query),
    }
}

fn aggregated(state: &State, service: &Service) -> Value {
    let id = &service.definition.id;
    json!({
        "AggregatedStatus": state.status(id).name(),
        "Service": view::agent_service(service),
        "Checks": state.checks_of(id).map(|check| view::check(state, check)).collect::<Value>(),
    })
}

fn health(status: StatusCode, reason: &str, value: Value, query: &Query) -> Reply {
    Reply::health(status, reason, (query.value("format") != Some("text")).then_some(value))
}

fn code(status: Status) -> StatusCode {
    match status {
        Status::Passing => StatusCode::OK,
        Status::Warning => StatusCode::TOO_MANY_REQUESTS,
        Status::Critical => StatusCode::SERVICE_UNAVAILABLE,
    }
}
