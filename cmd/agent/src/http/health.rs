//! `/v1/health/*`: services with their checks, and checks alone.

use super::query::Query;
use super::{catalog, view};
use crate::definition::Status;
use crate::refusal::Refusal;
use crate::shared::{self, Shared};
use crate::state::State;
use serde_json::{Value, json};

/// The instances of a service, each with its node and all checks that concern it.
pub(super) fn service(shared: &Shared, state: &State, name: &str, query: &Query) -> Result<Value, Refusal> {
    let only_passing = query.flag("passing")?;
    if shared::is_consul(name) {
        return Ok(json!([{
            "Node": view::node(shared, state),
            "Service": view::consul(shared, state),
            "Checks": [view::serf_health(state)],
        }]));
    }
    let wanted = |service: &&crate::state::Service| {
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

/// The checks of a service.
pub(super) fn checks(_: &Shared, state: &State, name: &str) -> Value {
    let checks = state.instances(name).flat_map(|service| state.checks_of(&service.definition.id));
    checks.map(|check| view::check(state, check)).collect()
}

/// All checks of the one node.
pub(super) fn node(_: &Shared, state: &State, name: &str) -> Value {
    if name.eq_ignore_ascii_case(shared::NODE) { all(state).collect() } else { json!([]) }
}

/// The checks with a status, or `any`.
pub(super) fn state(_: &Shared, state: &State, status: &str) -> Value {
    all(state).filter(|check| status == "any" || check["Status"] == status).collect()
}

fn all(state: &State) -> impl Iterator<Item = Value> {
    let checks = state.checks().map(|check| view::check(state, check));
    std::iter::once(view::serf_health(state)).chain(checks)
}
