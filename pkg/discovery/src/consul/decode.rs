//! Lenient decoding of `/v1/health/service/:name`: different versions omit different fields.

use crate::registry::{Error, Instance};
use fault::Kind;
use jsontext::Objects;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    node: Option<Node>,
    service: Option<Service>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Node {
    address: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Service {
    #[serde(rename = "ID")]
    id: Option<String>,
    address: Option<String>,
    port: Option<i64>,
    tags: Option<Vec<String>>,
}

/// The instances of one response.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Instances {
    /// Those with a valid address, sorted by id.
    pub(super) usable: Vec<Instance>,
    /// Problems of instances, by id; except for white space in the id, they make an instance unusable.
    pub(super) flaws: BTreeMap<String, String>,
    /// Whether some are missing because the ACL token has no permission to read them.
    pub(super) filtered: bool,
}

/// Decodes the instances of `service` from the body of a response.
pub(super) fn instances(service: &str, body: &[u8]) -> Result<Instances, Error> {
    let mut instances = read(service, body)
        .map_err(|error| Error::new(Kind::Internal, "consul's response can't be decoded").caused_by(error))?;
    instances.usable.sort();
    instances.usable.dedup();
    Ok(instances)
}

fn read(service: &str, body: &[u8]) -> serde_json::Result<Instances> {
    let text = jsontext::text(body).map_err(serde_json::Error::custom)?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let instances = Collect { service }.deserialize(Objects::new(&mut deserializer))?;
    deserializer.end()?;
    Ok(instances)
}

/// Collects instances from a list while it is parsed, entry by entry.
struct Collect<'a> {
    service: &'a str,
}

impl<'de> DeserializeSeed<'de> for Collect<'_> {
    type Value = Instances;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Instances, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Collect<'_> {
    type Value = Instances;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of instances")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Instances, A::Error> {
        let mut instances = Instances::default();
        while let Some(entry) = entries.next_element::<Entry>()? {
            instances.add(self.service, entry);
        }
        Ok(instances)
    }
}

impl Instances {
    fn add(&mut self, service: &str, entry: Entry) {
        let node = entry.node.and_then(|node| node.address);
        let Some(found) = entry.service else { return };
        let id = found.id.unwrap_or_else(|| service.to_owned());
        let host = found.address.filter(|address| !address.is_empty()).or(node).unwrap_or_default();
        let flaw = match (usable_host(&host), u16::try_from(found.port.unwrap_or(0))) {
            (true, Ok(port @ 1..)) => {
                if id.contains(|c: char| c.is_whitespace() || c.is_control()) {
                    self.flaws
                        .insert(id.clone(), "its id contains whitespace or control characters".to_owned());
                }
                let (service, tags) = (service.to_owned(), found.tags.unwrap_or_default());
                let host = host.trim_matches(['[', ']']).to_owned();
                return self.usable.push(Instance { service, id, host, port, tags });
            }
            (true, _) => format!("invalid port {}", found.port.unwrap_or(0)),
            (false, _) => format!("invalid address {host:?}"),
        };
        self.flaws.insert(id, flaw);
    }
}

/// Returns true if `host` is valid in a URL: a name or an IP address.
fn usable_host(host: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    !host.is_empty() && host.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(body: &str) -> Instances {
        instances("rating", body.as_bytes()).unwrap()
    }

    #[test]
    fn empty_address_means_that_of_node() {
        let found = found(
            r#"[{"Node":{"Address":"10.0.0.7"},"Service":{"ID":"rating-1","Address":"","Port":8082,"Meta":null}}]"#,
        );
        assert_eq!(found.usable[0].authority(), "10.0.0.7:8082");
        assert_eq!(found.usable[0].id, "rating-1");
    }

    #[test]
    fn byte_order_mark_is_skipped() {
        let found = found("\u{feff}[{\"Service\":{\"ID\":\"a\",\"Address\":\"h\",\"Port\":1}}]");
        assert_eq!(found.usable.len(), 1);
    }

    #[test]
    fn instances_are_sorted_and_have_tags() {
        let found = found(
            r#"[{"Service":{"ID":"b","Address":"h","Port":2,"Tags":null}},
                {"Service":{"ID":"a","Address":"::1","Port":1,"Tags":["grpc"]},"Checks":[]}]"#,
        );
        let ids: Vec<_> = found.usable.iter().map(|instance| (instance.id.as_str(), instance.port)).collect();
        assert_eq!(ids, [("a", 1), ("b", 2)]);
        assert_eq!(found.usable[0].tags, ["grpc"]);
        assert_eq!(found.usable[0].authority(), "[::1]:1");
    }

    #[test]
    fn invalid_instance_is_omitted_with_reason() {
        let found = found(
            r#"[{"Service":{"ID":"none","Address":"h"}},
                {"Service":{"ID":"big","Address":"h","Port":70000}},
                {"Service":{"ID":"blank","Address":"a b","Port":1}},
                {"Service":{"ID":"nowhere","Port":1}},
                {"Node":{}},
                {"Service":{"ID":"odd one","Address":"h","Port":1}},
                {"Service":{"ID":"fine","Address":"h","Port":1}}]"#,
        );
        let usable: Vec<_> = found.usable.iter().map(|instance| instance.id.as_str()).collect();
        assert_eq!(usable, ["fine", "odd one"]);
        let flawed: Vec<_> = found.flaws.keys().map(String::as_str).collect();
        assert_eq!(flawed, ["big", "blank", "none", "nowhere", "odd one"]);
    }

    #[test]
    fn html_truncated_document_and_other_shape_are_errors() {
        for body in [
            "<html></html>",
            r#"[{"Service":{"ID":"a""#,
            "{}",
            "null",
            "",
            r#"[[{"Address":"h"},{"ID":"a","Address":"h","Port":1}]]"#,
            r#"[{"Node":["h"],"Service":{"ID":"a","Port":1}}]"#,
            r#"[{"Service":["a","h",1,[]]}]"#,
        ] {
            let error = instances("rating", body.as_bytes()).unwrap_err();
            assert_eq!(fault::Fault::kind(&error), Kind::Internal, "{body}");
        }
    }
}
