//! The records that answer a question.

use super::name::{self, Wanted};
use crate::definition::Status;
use crate::shared::{self, NODE, SERVER_PORT, Shared};
use crate::state::{Service, State};
use hickory_server::proto::op::{Query, ResponseCode};
use hickory_server::proto::rr::rdata::{CNAME, SOA, SRV};
use hickory_server::proto::rr::{Name, RData, Record, RecordType};
use rand::seq::SliceRandom;
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

/// The TTL of records in seconds: no caching.
const TTL: u32 = 0;

/// An answer: a response code and the records of each section.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) code: ResponseCode,
    pub(super) authoritative: bool,
    /// Each with its additional record, if any.
    found: Vec<(Record, Option<Record>)>,
    /// The SOA record of a negative answer.
    pub(super) soa: Option<Record>,
}

impl Answer {
    /// Returns an answer with only a response code.
    pub(super) fn refused(code: ResponseCode) -> Self {
        Self { code, authoritative: false, found: Vec::new(), soa: None }
    }

    /// Keeps at most `most` answers.
    pub(super) fn keep(&mut self, most: usize) {
        self.found.truncate(most);
    }

    /// Returns as many answers as fit in `room` bytes, then as many of their additional records.
    pub(super) fn within(&self, room: usize) -> Records<'_> {
        let mut left = room;
        let mut fits = |bytes: usize| {
            let rest = left.checked_sub(bytes);
            left = rest.unwrap_or(0);
            rest.is_some()
        };
        let answers: Vec<&Record> =
            self.found.iter().map(|(record, _)| record).take_while(|record| fits(size(record))).collect();
        let mut additional: Vec<&Record> = Vec::new();
        for record in self.found.iter().take(answers.len()).filter_map(|(_, needed)| needed.as_ref()) {
            if !additional.contains(&record) {
                if !fits(size(record)) {
                    break;
                }
                additional.push(record);
            }
        }
        Records { cut: answers.len() < self.found.len(), answers, additional }
    }
}

/// The part of an answer that is sent.
pub(super) struct Records<'a> {
    pub(super) answers: Vec<&'a Record>,
    pub(super) additional: Vec<&'a Record>,
    /// Whether answers were omitted.
    pub(super) cut: bool,
}

/// The maximum size of a record in bytes; names are often compressed to pointers, but not always.
fn size(record: &Record) -> usize {
    let data = match &record.data {
        RData::A(_) => 4,
        RData::AAAA(_) => 16,
        RData::CNAME(CNAME(host)) => host.len(),
        RData::SRV(server) => 6 + server.target.len(),
        RData::SOA(soa) => soa.mname.len() + soa.rname.len() + 20,
        _ => usize::from(u16::MAX),
    };
    record.name.len() + 10 + data
}

/// The location of a service instance or node.
#[derive(Clone, Debug)]
enum Place {
    /// The node's own address, under the node's name.
    Node(IpAddr),
    Ip(IpAddr),
    Host(String),
}

/// A target of a name.
struct Instance {
    place: Place,
    /// Port and weight; only for services.
    service: Option<(u16, u16)>,
}

/// Answers a question.
pub(super) fn to(shared: &Shared, query: &Query) -> Answer {
    let labels = query.name().iter().map(|label| String::from_utf8_lossy(label).to_lowercase());
    let labels: Vec<String> = labels.collect();
    let wanted = Wanted::read(&labels.iter().map(String::as_str).collect::<Vec<_>>());
    if wanted == Wanted::Foreign {
        return Answer::refused(ResponseCode::Refused);
    }
    if query.query_type() == RecordType::AXFR {
        return Answer::refused(ResponseCode::NotImp);
    }
    let exists = wanted == Wanted::Domain;
    let instances = shared.read(|state| instances(shared, state, wanted));
    let mut found = match query.query_type() {
        RecordType::SRV => servers(query.name(), &instances),
        RecordType::SOA if exists => soa().map(|soa| (soa, None)).into_iter().collect(),
        asked => addresses(query.name(), asked, &instances),
    };
    found.shuffle(&mut rand::rng());
    let code = if exists || !instances.is_empty() { ResponseCode::NoError } else { ResponseCode::NXDomain };
    let soa = if found.is_empty() { soa() } else { None };
    Answer { code, authoritative: true, found, soa }
}

/// Returns the targets of a name; instances with a critical check are omitted.
fn instances(shared: &Shared, state: &State, wanted: Wanted) -> Vec<Instance> {
    let node = |service| vec![Instance { place: Place::Node(shared.address), service }];
    match wanted {
        Wanted::Service { name, tag: None } if shared::is_consul(&name) => node(Some((SERVER_PORT, 1))),
        Wanted::Service { name, tag } => {
            let tagged = |service: &&Service| {
                let tags = &service.definition.tags;
                tag.as_ref().is_none_or(|tag| tags.iter().any(|own| own.to_lowercase() == *tag))
            };
            let instance = |service| instance(shared, state, service);
            state.instances(&name).filter(tagged).filter_map(instance).collect()
        }
        Wanted::Node(name) if name == NODE => node(None),
        Wanted::Address(ip) => vec![Instance { place: Place::Ip(ip), service: None }],
        Wanted::Node(_) | Wanted::Domain | Wanted::Nothing | Wanted::Foreign => Vec::new(),
    }
}

fn instance(shared: &Shared, state: &State, service: &Service) -> Option<Instance> {
    let definition = &service.definition;
    let weight = match state.status(&definition.id) {
        Status::Passing => definition.weights.0,
        Status::Warning => definition.weights.1,
        Status::Critical => return None,
    };
    let place = match definition.address.parse() {
        Ok(ip) => Place::Ip(ip),
        Err(_) if definition.address.is_empty() => Place::Node(shared.address),
        Err(_) => Place::Host(definition.address.clone()),
    };
    Some(Instance { place, service: Some((definition.port, u16::try_from(weight).unwrap_or(u16::MAX))) })
}

/// Returns one address record per target; a CNAME only if no target has an address, because it must be the only
/// record.
fn addresses(owner: &Name, asked: RecordType, instances: &[Instance]) -> Vec<(Record, Option<Record>)> {
    let mut found: Vec<(Record, Option<Record>)> = Vec::new();
    for instance in instances {
        let (Place::Node(ip) | Place::Ip(ip)) = instance.place else { continue };
        let record = address(owner, ip);
        let fits = asked == RecordType::ANY || record.record_type() == asked;
        if fits && !found.iter().any(|(known, _)| *known == record) {
            found.push((record, None));
        }
    }
    let hosts = instances.iter().filter_map(|instance| match &instance.place {
        Place::Host(host) => absolute(host),
        _ => None,
    });
    let addressed = instances.iter().any(|instance| !matches!(instance.place, Place::Host(_)));
    let cname = matches!(asked, RecordType::A | RecordType::AAAA | RecordType::CNAME | RecordType::ANY);
    if cname && !addressed {
        let record = |host| Record::from_rdata(owner.clone(), TTL, RData::CNAME(CNAME(host)));
        found.extend(hosts.take(1).map(|host| (record(host), None)));
    }
    found
}

/// Returns one SRV record per target, with the address of its name.
fn servers(owner: &Name, instances: &[Instance]) -> Vec<(Record, Option<Record>)> {
    let mut found: Vec<(Record, Option<Record>)> = Vec::new();
    for Instance { place, service } in instances {
        let Some((port, weight)) = *service else { continue };
        let (target, ip) = match place {
            Place::Node(ip) => (absolute(&name::of_node(NODE)), Some(*ip)),
            Place::Ip(ip) => (absolute(&name::of_address(*ip)), Some(*ip)),
            Place::Host(host) => (absolute(host), None),
        };
        // A host that is not a valid name cannot be a target.
        let Some(target) = target else { continue };
        let additional = ip.map(|ip| address(&target, ip));
        let server = RData::SRV(SRV::new(1, weight, port, target));
        let record = Record::from_rdata(owner.clone(), TTL, server);
        if !found.iter().any(|(known, _)| *known == record) {
            found.push((record, additional));
        }
    }
    found
}

fn address(owner: &Name, ip: IpAddr) -> Record {
    let data = match ip {
        IpAddr::V4(ip) => RData::A(ip.into()),
        IpAddr::V6(ip) => RData::AAAA(ip.into()),
    };
    Record::from_rdata(owner.clone(), TTL, data)
}

/// Returns the SOA record of a negative answer.
fn soa() -> Option<Record> {
    let (domain, server, keeper) =
        (absolute("consul.")?, absolute("ns.consul.")?, absolute("hostmaster.consul.")?);
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // Serial numbers wrap around by definition.
    let serial = clock.as_secs() as u32;
    let data = SOA::new(server, keeper, serial, 3600, 600, 86400, 0);
    Some(Record::from_rdata(domain, TTL, RData::SOA(data)))
}

fn absolute(text: &str) -> Option<Name> {
    let mut name = Name::from_ascii(text).ok()?;
    name.set_fqdn(true);
    Some(name)
}
