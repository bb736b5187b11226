//! Further calls of Consul's own UI: summaries of services and nodes, and the caller's permissions.

use super::{health, view};
use crate::refusal::Refusal;
use crate::shared::{DATACENTER, NODE, Shared};
use crate::state::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The maximum number of authorizations per request.
const MOST_AUTHORIZATIONS: usize = 64;

/// A summary of the instances of one name.
#[derive(Default)]
struct Summary<'a> {
    instances: usize,
    tags: BTreeSet<&'a str>,
    /// The number of passing, warning and critical checks.
    checks: [usize; 3],
}

/// Returns a summary of each service. The node's own check counts once per service.
pub(super) fn services(state: &State) -> Value {
    let mut summaries = BTreeMap::from([("consul", Summary { instances: 1, ..Summary::default() })]);
    for service in state.services() {
        let summary = summaries.entry(&service.definition.name).or_default();
        summary.instances += 1;
        summary.tags.extend(service.definition.tags.iter().map(String::as_str));
        for check in state.checks_of(&service.definition.id) {
            summary.checks[check.status as usize] += 1;
        }
    }
    let summary = |(name, Summary { instances, tags, checks: [passing, warning, critical] }): (&str, _)| {
        json!({
            "Name": name,
            "Datacenter": DATACENTER,
            "Tags": tags,
            "Nodes": [NODE],
            "ExternalSources": null,
            "InstanceCount": instances,
            "ChecksPassing": passing + 1,
            "ChecksWarning": warning,
            "ChecksCritical": critical,
            "GatewayConfig": {},
            "TransparentProxy": false,
            "ConnectNative": false,
            "ConnectedWithProxy": false,
            "ConnectedWithGateway": false,
        })
    };
    summaries.into_iter().map(summary).collect()
}

/// Returns the node `name`, in any case, with its services and checks.
pub(super) fn node(shared: &Shared, state: &State, name: &str) -> Result<Value, Refusal> {
    if !name.eq_ignore_ascii_case(NODE) {
        return Err(Refusal::not_found(""));
    }
    let own = std::iter::once(view::consul(shared, state));
    let mut node = view::node(shared, state);
    node["Services"] = own.chain(state.services().map(view::health_service)).collect();
    node["Checks"] = health::all(state).collect();
    Ok(node)
}

/// Returns the network coordinates of each node: the origin, because there is only one.
pub(super) fn coordinates() -> Value {
    let middle = json!({"Vec": vec![0.0; 8], "Error": 1.5, "Adjustment": 0.0, "Height": 0.00001});
    json!([{"Node": NODE, "Segment": "", "Coord": middle}])
}

/// An action that a caller asks permission for.
#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
struct Authorization {
    #[serde(alias = "resource")]
    resource: String,
    #[serde(alias = "segment", skip_serializing_if = "String::is_empty")]
    segment: String,
    #[serde(alias = "access")]
    access: String,
    allow: bool,
}

/// Returns the caller's permissions: all, because a required token has been checked before.
pub(super) fn authorize(shared: &Shared, body: &[u8]) -> Result<Value, Refusal> {
    if shared.config.token.is_none() {
        return Err(Refusal::new(StatusCode::UNAUTHORIZED, "ACL support disabled"));
    }
    let asked: Vec<Authorization> = jsontext::from_slice(body)
        .map_err(|error| Refusal::bad_request(format!("Failed to decode request body: {error}")))?;
    if asked.len() > MOST_AUTHORIZATIONS {
        let text = format!("Refusing to process more than {MOST_AUTHORIZATIONS} authorizations at once");
        return Err(Refusal::bad_request(text));
    }
    let allowed = asked.into_iter().map(|asked| Authorization { allow: true, ..asked });
    Ok(json!(allowed.collect::<Vec<_>>()))
}
