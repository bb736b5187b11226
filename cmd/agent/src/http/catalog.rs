//! `/v1/catalog/*`: which services there are, whatever their health.

use super::query::Query;
use super::view;
use crate::shared::{self, Shared};
use crate::state::State;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Whether `tags` hold each tag that is asked for, in whatever case.
pub(super) fn has_tags(tags: &[String], query: &Query) -> bool {
    let has = |wanted: &str| tags.iter().any(|tag| tag.eq_ignore_ascii_case(wanted));
    query.all("tag").filter(|tag| !tag.is_empty()).all(has)
}

/// Each service with the tags of all its instances.
pub(super) fn services(_: &Shared, state: &State) -> Value {
    let mut services = BTreeMap::from([("consul", BTreeSet::new())]);
    for service in state.services() {
        services.entry(&service.definition.name).or_default().extend(&service.definition.tags);
    }
    json!(services)
}

/// The instances of a service.
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
