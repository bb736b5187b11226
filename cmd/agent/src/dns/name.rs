//! Parsing of names under `.consul`.

use crate::shared::DATACENTER;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The domain of all names that are served.
const DOMAIN: &str = "consul";

/// The meaning of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The domain itself.
    Domain,
    /// `[tag.]name.service` or `_name._tag`.
    Service { name: String, tag: Option<String> },
    /// `name.node`.
    Node(String),
    /// `7f000001.addr`.
    Address(IpAddr),
    /// A name that cannot exist.
    Nothing,
    /// A name of another domain.
    Foreign,
}

impl Wanted {
    /// Parses a name's labels, which are in lower case and without the root.
    pub(super) fn read(labels: &[&str]) -> Self {
        let Some((&DOMAIN, labels)) = labels.split_last() else { return Self::Foreign };
        let kind = labels.iter().rposition(|label| matches!(*label, "service" | "node" | "addr"));
        let Some(kind) = kind else {
            return match labels {
                [] => Self::Domain,
                [name, tag] | [name, tag, DATACENTER] | [name, tag, DATACENTER, "dc"] => rfc2782(name, tag),
                _ => Self::Nothing,
            };
        };
        let (of, rest) = labels.split_at(kind);
        if !matches!(rest, [_] | [_, DATACENTER] | [_, DATACENTER, "dc"]) {
            return Self::Nothing;
        }
        match (rest[0], of) {
            ("service", [name, tag]) if name.starts_with('_') && tag.starts_with('_') => rfc2782(name, tag),
            ("service", [tags @ .., name]) => {
                let tag = (!tags.is_empty()).then(|| tags.join("."));
                Self::Service { name: (*name).to_owned(), tag }
            }
            ("node", [name]) => Self::Node((*name).to_owned()),
            ("addr", [hex]) => address(hex).map_or(Self::Nothing, Self::Address),
            _ => Self::Nothing,
        }
    }
}

/// Parses `_name._tag`, where the protocol of RFC 2782 means no tag.
fn rfc2782(name: &str, tag: &str) -> Wanted {
    match (name.strip_prefix('_'), tag.strip_prefix('_')) {
        (Some(name), Some(tag)) => {
            Wanted::Service { name: name.to_owned(), tag: (tag != "tcp").then(|| tag.to_owned()) }
        }
        _ => Wanted::Nothing,
    }
}

fn address(hex: &str) -> Option<IpAddr> {
    let digits = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    match hex.len() {
        8 if digits => u32::from_str_radix(hex, 16).ok().map(|bits| Ipv4Addr::from(bits).into()),
        32 if digits => u128::from_str_radix(hex, 16).ok().map(|bits| Ipv6Addr::from(bits).into()),
        _ => None,
    }
}

/// Returns the name of an address.
pub(super) fn of_address(ip: IpAddr) -> String {
    let hex = match ip {
        IpAddr::V4(ip) => format!("{:08x}", ip.to_bits()),
        IpAddr::V6(ip) => format!("{:032x}", ip.to_bits()),
    };
    format!("{hex}.addr.{DATACENTER}.{DOMAIN}.")
}

/// Returns the name of a node.
pub(super) fn of_node(node: &str) -> String {
    format!("{node}.node.{DATACENTER}.{DOMAIN}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str, tag: Option<&str>) -> Wanted {
        Wanted::Service { name: name.to_owned(), tag: tag.map(str::to_owned) }
    }

    #[test]
    fn each_form_of_name_is_read() {
        let node = Wanted::Node("dev".to_owned());
        for (text, wanted) in [
            ("rating.service.consul", service("rating", None)),
            ("rating.service.dc1.consul", service("rating", None)),
            ("rating.service.dc1.dc.consul", service("rating", None)),
            ("rating.service.dc2.consul", Wanted::Nothing),
            ("grpc.rating.service.consul", service("rating", Some("grpc"))),
            ("v1.2.rating.service.consul", service("rating", Some("v1.2"))),
            ("_rating._tcp.service.consul", service("rating", None)),
            ("_rating._grpc.service.consul", service("rating", Some("grpc"))),
            ("_rating._tcp.consul", service("rating", None)),
            ("_rating._tcp.dc1.consul", service("rating", None)),
            ("service.service.consul", service("service", None)),
            ("service.consul", Wanted::Nothing),
            ("rating.consul", Wanted::Nothing),
            ("rating.grpc.consul", Wanted::Nothing),
            ("dev.node.consul", node.clone()),
            ("dev.node.dc1.consul", node),
            ("7f000001.addr.dc1.consul", Wanted::Address(Ipv4Addr::LOCALHOST.into())),
            ("7f00001.addr.consul", Wanted::Nothing),
            ("+f000001.addr.consul", Wanted::Nothing),
            ("consul", Wanted::Domain),
            ("example.com", Wanted::Foreign),
            ("", Wanted::Foreign),
        ] {
            let labels: Vec<&str> = text.split('.').collect();
            assert_eq!(Wanted::read(&labels), wanted, "{text}");
        }
    }

    #[test]
    fn name_of_address_is_read_back() {
        for ip in ["127.0.0.1", "::1", "10.2.0.255"] {
            let ip: IpAddr = ip.parse().unwrap();
            let name = of_address(ip);
            let labels: Vec<&str> = name.trim_end_matches('.').split('.').collect();
            assert_eq!(Wanted::read(&labels), Wanted::Address(ip));
        }
    }
}
