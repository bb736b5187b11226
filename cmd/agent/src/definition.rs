//! Registrations, parsed with Consul's rules: keys in any case, unknown keys rejected, `null` as absent.

pub(crate) mod catalog;
mod fields;

use crate::duration::Nanos;
use crate::refusal::Refusal;
use fields::Fields;
use http::StatusCode;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

const SERVICE_FIELDS: &[&str] = &[
    "Name",
    "ID",
    "Tags",
    "Address",
    "TaggedAddresses",
    "tagged_addresses",
    "Meta",
    "Port",
    "Ports",
    "SocketPath",
    "Kind",
    "Check",
    "Checks",
    "Weights",
    "EnableTagOverride",
    "enable_tag_override",
    "Token",
    "Proxy",
    "Connect",
    "Locality",
];

const CHECK_FIELDS: &[&str] = &[
    "CheckID",
    "Name",
    "Status",
    "Notes",
    "TTL",
    "Interval",
    "Timeout",
    "HTTP",
    "Method",
    "Header",
    "Body",
    "DisableRedirects",
    "TCP",
    "TCPUseTLS",
    "tcp_use_tls",
    "UDP",
    "GRPC",
    "GRPCUseTLS",
    "grpc_use_tls",
    "H2PING",
    "H2PingUseTLS",
    "h2ping_use_tls",
    "ScriptArgs",
    "Args",
    "script_args",
    "DockerContainerID",
    "docker_container_id",
    "Shell",
    "OSService",
    "AliasNode",
    "AliasService",
    "TLSServerName",
    "tls_server_name",
    "TLSSkipVerify",
    "tls_skip_verify",
    "SuccessBeforePassing",
    "FailuresBeforeWarning",
    "FailuresBeforeCritical",
    "DeregisterCriticalServiceAfter",
    "deregister_critical_service_after",
    "OutputMaxSize",
    "ServiceID",
    "service_id",
];

/// Fields with the target that a check probes.
const TARGETS: &[&str] = &["HTTP", "TCP", "UDP", "GRPC", "H2PING", "OSService"];

/// Fields that make a check a script.
const SCRIPTS: &[&str] = &["ScriptArgs", "Args", "script_args"];

/// A service as its registration describes it.
#[derive(Clone, Debug, Default, Hash, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) tags: Vec<String>,
    pub(crate) address: String,
    pub(crate) port: u16,
    pub(crate) tagged_addresses: BTreeMap<String, (String, u16)>,
    pub(crate) meta: BTreeMap<String, String>,
    pub(crate) weights: (i64, i64),
    pub(crate) enable_tag_override: bool,
}

/// A check as its registration describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) status: Status,
    pub(crate) notes: String,
    /// Time without an update until it turns critical; none for checks registered in the catalog.
    pub(crate) ttl: Option<Duration>,
    pub(crate) deregister_after: Option<Duration>,
}

/// A check's status, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    Passing,
    Warning,
    Critical,
}

impl Status {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Passing => "passing",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Passing, Self::Warning, Self::Critical].into_iter().find(|status| status.name() == name)
    }
}

/// Parses the body of `/v1/agent/service/register`.
pub(crate) fn service(body: &[u8]) -> Result<(Service, Vec<Check>), Refusal> {
    let fields = Fields::read(body, SERVICE_FIELDS)?;
    let name: String = fields.get("Name")?;
    if name.is_empty() {
        return Err(Refusal::bad_request("Missing service name"));
    }
    let address: String = fields.get("Address")?;
    if address.parse().is_ok_and(|ip: IpAddr| ip.is_unspecified()) {
        return Err(Refusal::bad_request("Invalid service address"));
    }
    let id: String = fields.get("ID")?;
    let port = fields.get("Port")?;
    let service = Service {
        id: or(id, name.clone()),
        name,
        tags: fields.get("Tags")?,
        tagged_addresses: tagged_addresses(&fields, &address, port)?,
        address,
        port,
        meta: meta(&fields)?,
        weights: weights(&fields)?,
        enable_tag_override: fields.get("EnableTagOverride")?,
    };
    let checks = checks(&fields, &service)?;
    Ok((service, checks))
}

/// Returns the tagged addresses given, and those derived from an IP address.
fn tagged_addresses(
    fields: &Fields,
    address: &str,
    port: u16,
) -> Result<BTreeMap<String, (String, u16)>, Refusal> {
    let mut tagged = BTreeMap::new();
    for (name, value) in fields.get::<BTreeMap<String, serde_json::Value>>("TaggedAddresses")? {
        let value = Fields::of(value, &["Address", "Port"])?;
        tagged.insert(name, (value.get("Address")?, value.get("Port")?));
    }
    if let Ok(ip) = address.parse::<IpAddr>() {
        let version = if ip.is_ipv4() { "ipv4" } else { "ipv6" };
        for side in ["lan", "wan"] {
            tagged.entry(format!("{side}_{version}")).or_insert_with(|| (address.to_owned(), port));
        }
    }
    Ok(tagged)
}

fn meta(fields: &Fields) -> Result<BTreeMap<String, String>, Refusal> {
    let meta: BTreeMap<String, String> = fields.get("Meta")?;
    let refused = |why: &str| Err(Refusal::bad_request(format!("Invalid Service Meta: {why}")));
    if meta.len() > 64 {
        return refused("Node metadata cannot contain more than 64 key/value pairs");
    }
    for (key, value) in &meta {
        if key.is_empty() || key.len() > 128 || key.starts_with("consul-") || value.len() > 512 {
            return refused(&format!("Couldn't load metadata pair ('{key}', '{value}')"));
        }
    }
    Ok(meta)
}

fn weights(fields: &Fields) -> Result<(i64, i64), Refusal> {
    let Some(value) = fields.find("Weights") else { return Ok((1, 1)) };
    let value = Fields::of(value.clone(), &["Passing", "Warning"])?;
    let weights: (i64, i64) = (value.get("Passing")?, value.get("Warning")?);
    if weights.0 < 1 || weights.1 < 0 || weights.0.max(weights.1) > 65535 {
        return Err(Refusal::bad_request("Invalid Weights: Passing must be greater than 0"));
    }
    Ok(weights)
}

fn checks(fields: &Fields, service: &Service) -> Result<Vec<Check>, Refusal> {
    let mut values: Vec<serde_json::Value> = fields.find("Check").cloned().into_iter().collect();
    values.extend(fields.get::<Vec<serde_json::Value>>("Checks")?);
    let several = values.len() > 1;
    let check = |(number, value)| {
        let default = format!("service:{}", service.id);
        let default = if several { format!("{default}:{}", number + 1) } else { default };
        check(&Fields::of(value, CHECK_FIELDS)?, default, &service.name)
    };
    values.into_iter().enumerate().map(check).collect()
}

/// Parses the body of `/v1/agent/check/register`: a check, and its service's id.
pub(crate) fn check_of_service(body: &[u8]) -> Result<(String, Check), Refusal> {
    let fields = Fields::read(body, &[CHECK_FIELDS, &["ID"]].concat())?;
    let name: String = fields.get("Name")?;
    if name.is_empty() {
        return Err(Refusal::bad_request("Missing check name"));
    }
    let service: String = fields.get("ServiceID")?;
    if service.is_empty() {
        return Err(Refusal::not_done("checks of the node itself, only of a service"));
    }
    let id: String = fields.get("ID")?;
    let check = check(&fields, or(id, name), &service)?;
    Ok((service, check))
}

/// Returns `given` unless it is empty.
fn or(given: String, default: String) -> String {
    if given.is_empty() { default } else { given }
}

fn check(fields: &Fields, default_id: String, service: &str) -> Result<Check, Refusal> {
    let invalid = |why: &str| Refusal::bad_request(format!("Invalid check: {why}"));
    let ttl: Nanos = fields.get("TTL")?;
    let interval: Nanos = fields.get("Interval")?;
    let target = TARGETS.iter().find(|target| fields.is_given(target));
    if ttl.positive().is_some() && interval.positive().is_some() {
        return Err(invalid("Interval and TTL cannot both be specified"));
    }
    if SCRIPTS.iter().any(|script| fields.is_given(script)) {
        let text = "Scripts are disabled on this agent from remote calls; to enable, configure \
                    'enable_script_checks' to true";
        return Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, text));
    }
    if let Some(target) = target {
        if interval.positive().is_none() {
            let kinds = "Script, HTTP, H2PING, TCP, UDP or OSService";
            return Err(invalid(&format!("Interval must be > 0 for {kinds} checks")));
        }
        return Err(Refusal::not_done(&format!("{target} checks, only TTL checks")));
    }
    let Some(ttl) = ttl.positive() else { return Err(invalid("TTL must be > 0 for TTL checks")) };
    Ok(Check {
        id: or(fields.get("CheckID")?, default_id),
        name: or(fields.get("Name")?, format!("Service '{service}' check")),
        status: status(fields)?,
        notes: fields.get("Notes")?,
        ttl: Some(ttl),
        deregister_after: fields.get::<Nanos>("DeregisterCriticalServiceAfter")?.positive(),
    })
}

/// Returns a check's initial status.
fn status(fields: &Fields) -> Result<Status, Refusal> {
    let status: String = fields.get("Status")?;
    match Status::named(&status) {
        Some(status) => Ok(status),
        None if status.is_empty() => Ok(Status::Critical),
        None => Err(Refusal::bad_request("Status for checks must 'passing', 'warning', 'critical'")),
    }
}

/// Parses the body of `/v1/agent/check/update`: status and output.
pub(crate) fn update(body: &[u8]) -> Result<(Status, String), Refusal> {
    let fields = Fields::read(body, &["Status", "Output"])?;
    let status: String = fields.get("Status")?;
    let Some(status) = Status::named(&status) else {
        return Err(Refusal::bad_request(format!("Invalid check status: '{status}'")));
    };
    Ok((status, fields.get("Output")?))
}

#[cfg(test)]
mod tests;
