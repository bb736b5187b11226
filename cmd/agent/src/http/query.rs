//! A request's query: its flags and values, and what is rejected.

use super::filter::Filter;
use crate::duration;
use crate::refusal::Refusal;
use crate::shared::DATACENTER;
use http::{HeaderMap, StatusCode};
use rand::random_range;
use std::time::Duration;
use tokio::time::Instant;

/// The default wait time of a blocking query.
const WAIT: Duration = Duration::from_secs(300);

/// The maximum wait time of a blocking query.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// A parsed query.
#[derive(Clone, Debug, Default)]
pub(super) struct Query {
    pairs: Vec<(String, String)>,
    /// The index to wait beyond; 0 responds immediately.
    pub(super) index: u64,
    wait: Duration,
    /// The name of the consistency mode in the response.
    pub(super) consistency: &'static str,
    pub(super) pretty: bool,
    /// Whether a cached response is acceptable.
    pub(super) cached: bool,
    /// The filter of a list.
    pub(super) filter: Option<Filter>,
}

impl Query {
    pub(super) fn read(text: &str, headers: &HeaderMap) -> Result<Self, Refusal> {
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(text)
            .map_err(|error| Refusal::bad_request(format!("Invalid query: {error}")))?;
        let mut query = Self { pairs, ..Self::default() };
        query.refuse_others_features(headers)?;
        query.consistency = query.consistency()?;
        query.pretty = query.has("pretty");
        query.cached = query.has("cached");
        query.filter = query.value("filter").map(Filter::read).transpose()?;
        if let Some(index) = query.value("index") {
            query.index = index.parse().map_err(|_| Refusal::bad_request("Invalid index"))?;
        }
        query.wait = match query.value("wait").map(duration::parse) {
            None => WAIT,
            Some(Ok(wait)) => wait.positive().unwrap_or(WAIT).min(LONGEST_WAIT),
            Some(Err(_)) => return Err(Refusal::bad_request("Invalid wait time")),
        };
        if let Some(bound) = query.value("max_stale").filter(|bound| duration::parse(bound).is_err()) {
            return Err(Refusal::bad_request(format!("Invalid max_stale value {bound:?}")));
        }
        Ok(query)
    }

    /// Returns the first value of `key` that is not empty.
    pub(super) fn value(&self, key: &str) -> Option<&str> {
        self.all(key).find(|value| !value.is_empty())
    }

    /// Returns true if `key` is present, which is how Consul reads flags.
    pub(super) fn has(&self, key: &str) -> bool {
        self.all(key).next().is_some()
    }

    /// Returns each value of `key`.
    pub(super) fn all<'a>(&'a self, key: &str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Returns a flag that may also be explicitly off.
    pub(super) fn flag(&self, key: &str) -> Result<bool, Refusal> {
        match self.all(key).next() {
            None => Ok(false),
            Some("" | "1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
            Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
            Some(_) => Err(Refusal::bad_request(format!("Invalid value for ?{key}"))),
        }
    }

    /// Returns the deadline of the query, with up to a sixteenth of jitter, so that many queries do not end at once.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.wait + self.wait.mul_f64(random_range(0.0..=1.0 / 16.0))
    }

    fn consistency(&self) -> Result<&'static str, Refusal> {
        for flag in ["stale", "cached"] {
            if self.has(flag) && self.has("consistent") {
                let text = format!("Cannot specify ?{flag} with ?consistent, conflicting semantics.");
                return Err(Refusal::bad_request(text));
            }
        }
        Ok(match () {
            () if self.has("stale") => "stale",
            () if self.has("consistent") => "consistent",
            () => "leader",
        })
    }

    fn refuse_others_features(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        for (key, header, feature) in [
            ("ns", "X-Consul-Namespace", "Namespaces are"),
            ("partition", "X-Consul-Partition", "Partitions are"),
        ] {
            let named = headers.get(header).is_some_and(|value| !value.is_empty());
            let place = match self.value(key) {
                _ if named => format!("header: {header:?}"),
                Some(_) => format!("query parameter: {key:?}"),
                None => continue,
            };
            return Err(Refusal::bad_request(format!(
                "Invalid {place} - {feature} a Consul Enterprise feature"
            )));
        }
        let datacenter = self.value("datacenter").or_else(|| self.value("dc"));
        if datacenter.is_some_and(|name| name != DATACENTER) {
            return Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "No path to datacenter"));
        }
        match ["near", "node-meta", "peer"].into_iter().find(|key| self.value(key).is_some()) {
            Some(key) => Err(Refusal::not_done(&format!("the query parameter {key:?}"))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Query, Refusal> {
        Query::read(text, &HeaderMap::new())
    }

    #[test]
    fn wait_is_within_its_bounds() {
        for (text, least, most) in [
            ("", 300.0, 300.0),
            ("wait=2s", 2.0, 2.0),
            ("wait=-1s", 300.0, 300.0),
            ("wait=0s", 300.0, 300.0),
            ("wait=1h", 600.0, 600.0),
        ] {
            let query = read(text).unwrap();
            let waits = (query.deadline() - Instant::now()).as_secs_f64();
            assert!(waits > least - 0.1 && waits < most * (17.0 / 16.0), "{text}: {waits}");
        }
    }

    #[test]
    fn bad_values_are_refused_in_consuls_words() {
        for (text, status, answer) in [
            ("wait=10", 400, "Invalid wait time"),
            ("index=abc", 400, "Invalid index"),
            ("index=-1", 400, "Invalid index"),
            ("stale&consistent", 400, "Cannot specify ?stale with ?consistent, conflicting semantics."),
            ("ns=x", 400, r#"Invalid query parameter: "ns" - Namespaces are a Consul Enterprise feature"#),
            ("dc=zz", 500, "No path to datacenter"),
            ("near=_agent", 501, r#"The development agent does not support the query parameter "near""#),
            ("filter=a", 500, "Failed to create boolean expression evaluator: no match found"),
            ("max_stale=x", 400, r#"Invalid max_stale value "x""#),
        ] {
            let refusal = read(text).unwrap_err();
            assert_eq!((refusal.status.as_u16(), &*refusal.text), (status, answer), "{text}");
        }
        let refusal = read("passing=maybe").unwrap().flag("passing").unwrap_err();
        assert_eq!(refusal.text, "Invalid value for ?passing");
    }
}
