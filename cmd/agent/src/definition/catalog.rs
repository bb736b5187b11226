//! Registrations in the catalog: services and checks whose status is reported by the client.

use super::fields::Fields;
use super::{Check, Service, meta, or, status, tagged_addresses, weights};
use crate::refusal::Refusal;
use http::StatusCode;

const FIELDS: &[&str] = &[
    "Datacenter",
    "ID",
    "Node",
    "Address",
    "TaggedAddresses",
    "NodeMeta",
    "Service",
    "Check",
    "Checks",
    "SkipNodeUpdate",
    "Locality",
];

const SERVICE_FIELDS: &[&str] = &[
    "ID",
    "Service",
    "Tags",
    "Address",
    "TaggedAddresses",
    "Meta",
    "Port",
    "Ports",
    "SocketPath",
    "Kind",
    "Weights",
    "EnableTagOverride",
    "Proxy",
    "Connect",
    "Locality",
    "PeerName",
    "CreateIndex",
    "ModifyIndex",
];

const CHECK_FIELDS: &[&str] = &[
    "Node",
    "CheckID",
    "Name",
    "Status",
    "Notes",
    "Output",
    "ServiceID",
    "ServiceName",
    "ServiceTags",
    "Type",
    "Interval",
    "Timeout",
    "ExposedPort",
    "Definition",
    "PeerName",
    "CreateIndex",
    "ModifyIndex",
];

/// A service with its checks and their statuses.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) service: Service,
    pub(crate) checks: Vec<(Check, String)>,
}

/// What to deregister.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    Service(String),
    Check(String),
}

/// Parses the body of `/v1/catalog/register`. All services are on the agent's single node: another node's address
/// becomes that of its service.
pub(crate) fn registration(body: &[u8]) -> Result<Option<Registration>, Refusal> {
    let fields = Fields::read(body, FIELDS)?;
    let node_address: String = fields.get("Address")?;
    let lacks = |what: &str| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, format!("Must provide {what}"));
    if fields.get::<String>("Node")?.is_empty() {
        return Err(lacks("node"));
    }
    if node_address.is_empty() && !fields.get::<bool>("SkipNodeUpdate")? {
        return Err(lacks("address if SkipNodeUpdate is not set"));
    }
    let mut checks: Vec<serde_json::Value> = fields.find("Check").cloned().into_iter().collect();
    checks.extend(fields.get::<Vec<serde_json::Value>>("Checks")?);
    let Some(service) = fields.find("Service") else {
        return match checks.is_empty() {
            true => Ok(None),
            false => Err(Refusal::not_done("checks in the catalog without their service")),
        };
    };
    let service = self::service(&Fields::of(service.clone(), SERVICE_FIELDS)?, node_address)?;
    let checks = checks.into_iter().map(|value| check(value, &service)).collect::<Result<_, _>>()?;
    Ok(Some(Registration { service, checks }))
}

fn service(fields: &Fields, node_address: String) -> Result<Service, Refusal> {
    let (id, name): (String, String) = (fields.get("ID")?, fields.get("Service")?);
    if name.is_empty() {
        return Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "Must provide service name with ID"));
    }
    let (address, port) = (or(fields.get("Address")?, node_address), fields.get("Port")?);
    Ok(Service {
        id: or(id, name.clone()),
        name,
        tags: fields.get("Tags")?,
        tagged_addresses: tagged_addresses(fields, &address, port)?,
        address,
        port,
        meta: meta(fields)?,
        weights: weights(fields)?,
        enable_tag_override: fields.get("EnableTagOverride")?,
    })
}

fn check(value: serde_json::Value, service: &Service) -> Result<(Check, String), Refusal> {
    let fields = Fields::of(value, CHECK_FIELDS)?;
    let of: String = fields.get("ServiceID")?;
    if !of.is_empty() && of != service.id {
        return Err(Refusal::not_done(
            "checks in the catalog of another service than the one they come with",
        ));
    }
    let name: String = fields.get("Name")?;
    let check = Check {
        id: or(or(fields.get("CheckID")?, name.clone()), format!("service:{}", service.id)),
        name,
        status: status(&fields)?,
        notes: fields.get("Notes")?,
        ttl: None,
        deregister_after: None,
    };
    Ok((check, fields.get("Output")?))
}

/// Parses the body of `/v1/catalog/deregister`.
pub(crate) fn removal(body: &[u8]) -> Result<Removal, Refusal> {
    let fields = Fields::read(body, &["Datacenter", "Node", "Address", "ServiceID", "CheckID"])?;
    let (service, check): (String, String) = (fields.get("ServiceID")?, fields.get("CheckID")?);
    match (&*service, &*check) {
        ("", "") => Err(Refusal::not_done("deregistering a node")),
        ("", _) => Ok(Removal::Check(check)),
        _ => Ok(Removal::Service(service)),
    }
}
