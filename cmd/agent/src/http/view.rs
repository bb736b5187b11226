//! The JSON objects of the interface.

use crate::shared::{DATACENTER, NODE, SERVER_PORT, Shared};
use crate::state::{Check, Service, State};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The Consul version that the agent imitates.
const VERSION: &str = "1.21.5";

const NODE_ID: &str = "2e1d6bf0-6d1c-4f0e-9a51-5f0f3c1d8a77";

pub(super) fn leader(shared: &Shared) -> String {
    std::net::SocketAddr::new(shared.address, SERVER_PORT).to_string()
}

pub(super) fn id(service: &Service) -> String {
    service.definition.id.clone()
}

pub(super) fn node(shared: &Shared, state: &State) -> Value {
    let (address, index) = (shared.address.to_string(), state.origin());
    json!({
        "ID": NODE_ID,
        "Node": NODE,
        "Address": address,
        "Datacenter": DATACENTER,
        "TaggedAddresses": node_addresses(shared),
        "Meta": {"consul-network-segment": "", "consul-version": VERSION},
        "CreateIndex": index,
        "ModifyIndex": index,
    })
}

fn node_addresses(shared: &Shared) -> Value {
    let version = if shared.address.is_ipv4() { "ipv4" } else { "ipv6" };
    let names = ["lan", "wan"].into_iter().flat_map(|side| [side.to_owned(), format!("{side}_{version}")]);
    Value::Object(names.map(|name| (name, json!(shared.address.to_string()))).collect())
}

fn tagged_addresses(service: &Service) -> Value {
    let entry = |(name, (address, port)): (&String, &(String, u16))| {
        (name.clone(), json!({"Address": address, "Port": port}))
    };
    Value::Object(service.definition.tagged_addresses.iter().map(entry).collect())
}

/// Returns a service as listed by the agent.
pub(super) fn agent_service(service: &Service) -> Value {
    let definition = &service.definition;
    json!({
        "ID": definition.id,
        "Service": definition.name,
        "Tags": definition.tags,
        "Meta": definition.meta,
        "Port": definition.port,
        "Address": definition.address,
        "TaggedAddresses": tagged_addresses(service),
        "Weights": {"Passing": definition.weights.0, "Warning": definition.weights.1},
        "EnableTagOverride": definition.enable_tag_override,
        "Datacenter": DATACENTER,
    })
}

/// Returns a service as shown in health responses.
pub(super) fn health_service(service: &Service) -> Value {
    with_catalog_fields(agent_service(service), service.create_index, service.modify_index)
}

/// Returns the agent's own service.
pub(super) fn consul(shared: &Shared, state: &State) -> Value {
    let (meta, addresses): (BTreeMap<String, String>, _) = (BTreeMap::new(), Map::new());
    let service = json!({
        "ID": "consul",
        "Service": "consul",
        "Tags": [],
        "Meta": meta,
        "Port": SERVER_PORT,
        "Address": shared.address.to_string(),
        "TaggedAddresses": addresses,
        "Weights": {"Passing": 1, "Warning": 1},
        "EnableTagOverride": false,
    });
    let index = state.origin();
    with_catalog_fields(service, index, index)
}

fn with_catalog_fields(mut service: Value, create_index: u64, modify_index: u64) -> Value {
    if let Some(fields) = service.as_object_mut() {
        fields.remove("Datacenter");
    }
    service["Proxy"] = json!({"Mode": "", "MeshGateway": {}, "Expose": {}});
    service["Connect"] = json!({});
    service["PeerName"] = json!("");
    service["CreateIndex"] = json!(create_index);
    service["ModifyIndex"] = json!(modify_index);
    service
}

/// Returns a service as shown in the catalog: flat, with its node.
pub(super) fn catalog(shared: &Shared, state: &State, service: Value) -> Value {
    let node = node(shared, state);
    json!({
        "ID": node["ID"],
        "Node": node["Node"],
        "Address": node["Address"],
        "Datacenter": node["Datacenter"],
        "TaggedAddresses": node["TaggedAddresses"],
        "NodeMeta": node["Meta"],
        "ServiceKind": "",
        "ServiceID": service["ID"],
        "ServiceName": service["Service"],
        "ServiceTags": service["Tags"],
        "ServiceAddress": service["Address"],
        "ServiceTaggedAddresses": service["TaggedAddresses"],
        "ServiceWeights": service["Weights"],
        "ServiceMeta": service["Meta"],
        "ServicePort": service["Port"],
        "ServiceEnableTagOverride": service["EnableTagOverride"],
        "ServiceProxy": service["Proxy"],
        "ServiceConnect": service["Connect"],
        "CreateIndex": service["CreateIndex"],
        "ModifyIndex": service["ModifyIndex"],
    })
}

/// Returns a check of a service.
pub(super) fn check(state: &State, check: &Check) -> Value {
    let service = state.service(&check.service).map(|service| &service.definition);
    json!({
        "Node": NODE,
        "CheckID": check.definition.id,
        "Name": check.definition.name,
        "Status": check.status.name(),
        "Notes": check.definition.notes,
        "Output": check.output,
        "ServiceID": check.service,
        "ServiceName": service.map_or("", |service| &service.name),
        "ServiceTags": service.map(|service| service.tags.clone()).unwrap_or_default(),
        "Type": if check.definition.ttl.is_some() { "ttl" } else { "" },
        "Interval": "",
        "Timeout": "",
        "ExposedPort": 0,
        "Definition": {},
        "CreateIndex": check.create_index,
        "ModifyIndex": check.modify_index,
    })
}

/// Returns the check of the node itself, which always passes.
pub(super) fn serf_health(state: &State) -> Value {
    let index = state.origin();
    json!({
        "Node": NODE,
        "CheckID": "serfHealth",
        "Name": "Serf Health Status",
        "Status": "passing",
        "Notes": "",
        "Output": "Agent alive and reachable",
        "ServiceID": "",
        "ServiceName": "",
        "ServiceTags": [],
        "Type": "",
        "Interval": "",
        "Timeout": "",
        "ExposedPort": 0,
        "Definition": {},
        "CreateIndex": index,
        "ModifyIndex": index,
    })
}

/// Returns the agent's description of itself.
pub(super) fn agent(shared: &Shared) -> Value {
    json!({
        "Config": {
            "Datacenter": DATACENTER,
            "PrimaryDatacenter": DATACENTER,
            "NodeName": NODE,
            "NodeID": NODE_ID,
            "Revision": "",
            "Server": true,
            "Version": VERSION,
            "BuildDate": "",
        },
        "DebugConfig": {},
        "Coord": null,
        "Member": member(shared),
        "Stats": {"agent": {}},
        "Meta": {},
        "xDS": null,
    })
}

/// Returns the node as a member of its cluster.
pub(super) fn member(shared: &Shared) -> Value {
    json!({
        "Name": NODE,
        "Addr": shared.address.to_string(),
        "Port": 8301,
        "Tags": {"role": "consul", "dc": DATACENTER},
        "Status": 1,
        "ProtocolMin": 1,
        "ProtocolMax": 5,
        "ProtocolCur": 2,
        "DelegateMin": 2,
        "DelegateMax": 5,
        "DelegateCur": 4,
    })
}
