//! `/v1/catalog/*`: all services, whatever their health, and direct registrations.

use super::query::Query;
use super::reply::Reply;
use super::view;
use crate::definition::catalog::{self, Removal};
use crate::refusal::Refusal;
use crate::shared::{self, Shared};
use crate::state::State;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Returns true if `tags` contain every requested tag, ignoring case.
pub(super) fn has_tags(tags: &[String], query: &Query) -> bool {
    let has = |wanted: &str| tags.iter().any(|tag| tag.eq_ignore_ascii_case(wanted));
    query.all("tag").filter(|tag| !tag.is_empty()).all(has)
}

/// Returns each service with the tags of all its instances.
pub(super) fn services(state: &State) -> Value {
    let mut services = BTreeMap::from([("consul", BTreeSet::new())]);
    for service in state.services() {
        services.entry(&service.definition.name).or_default().extend(&service.definition.tags);
    }
    json!(services)
}

/// Returns the instances of a service.
pub(super) fn service(shared: &Shared, state: &State, name: &str, query: &Query) -> Value {
    if shared::is_consul(name) {
        return json!([view::catalog(shared, state, view::consul(shared, state))]);
    }
    state
        .instances(name)
        .filter(|service| has_tags(&service.definition.tags, query))
        .map(|service| view::catalog(shared, state, view::health_service(service)))
        .collect()
}

/// Registers a service. Unlike in Consul, the catalog is the agent's own list, so that the registration persists.
pub(super) fn register(shared: &Shared, body: &[u8]) -> Result<Reply, Refusal> {
    if let Some(registration) = catalog::registration(body)? {
        tracing::info!(service = registration.service.id, "registered in the catalog");
        shared.write(|state, now| state.put(registration, now));
    }
    Ok(Reply::json(json!(true)))
}

/// Deregisters a service or a check, whether or not it exists.
pub(super) fn deregister(shared: &Shared, body: &[u8]) -> Result<Reply, Refusal> {
    let removal = catalog::removal(body)?;
    let known = shared.write(|state, _| match &removal {
        Removal::Service(id) => state.deregister(id),
        Removal::Check(id) => state.remove_check(id),
    });
    if known.is_ok() {
        tracing::info!(?removal, "deregistered from the catalog");
    }
    Ok(Reply::json(json!(true)))
}
