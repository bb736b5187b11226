//! The counters of one instance at one moment, and what was counted between two moments.

use crate::exposition::samples;
use smol_str::SmolStr;
use std::collections::HashMap;

/// The routes by which a process is observed: their traffic is the observers' own.
const OBSERVERS: [&str; 7] = [
    "/metrics",
    "/healthz",
    "/readyz",
    "/openapi.json",
    "/v1/ingestion",
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
];

/// The maximum number of counters that are read of an instance.
const MAX_COUNTERS: usize = 50_000;

/// Requests of one kind, as one side counts them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Flow {
    /// Requests that the instance served.
    Served {
        /// `http` or `grpc`.
        protocol: SmolStr,
        /// The route or the method.
        route: SmolStr,
    },
    /// Requests that the instance sent.
    Called {
        /// The service called.
        service: SmolStr,
        /// The instance called: its id or its address.
        instance: SmolStr,
    },
}

/// What is counted of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Part {
    Succeeded,
    Failed,
    /// Requests that took at most this time in seconds, as bits of a `f64`.
    Within(u64),
}

/// The counters and gauges of an instance at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counters {
    parts: HashMap<(Flow, Part), f64>,
    /// The resident memory of its process.
    pub(crate) resident_bytes: Option<f64>,
    /// The instances that it has ejected: ids or addresses.
    pub(crate) ejected: Vec<SmolStr>,
    /// The kind of its database.
    pub(crate) database: Option<&'static str>,
}

/// The requests of a flow in a period.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Traffic {
    /// The number of requests.
    pub(crate) count: f64,
    /// The number of those that failed.
    pub(crate) failed: f64,
    /// The numbers of requests that took at most a time in seconds, in ascending order.
    pub(crate) within: Vec<(f64, f64)>,
}

impl Counters {
    /// Reads the counters from a scrape.
    pub(crate) fn read(text: &str) -> Self {
        let mut counters = Self::default();
        let (mut sqlite, mut pool, mut writer) = (false, false, false);
        let wanted = |name: &str| {
            name.starts_with("request")
                || name.starts_with("client_")
                || name.starts_with("process_")
                || name.starts_with("db_")
                || name.starts_with("write")
        };
        for sample in samples(text, wanted) {
            let served = || Flow::Served {
                protocol: sample.label("protocol").into(),
                route: sample.label("route").into(),
            };
            let called = || Flow::Called {
                service: sample.label("service").into(),
                instance: sample.label("instance").into(),
            };
            let within = || Part::Within(sample.label("le").parse().unwrap_or(f64::INFINITY).to_bits());
            match sample.name {
                "requests_total" => {
                    let failed = is_failure(sample.label("status"));
                    counters.add(served(), if failed { Part::Failed } else { Part::Succeeded }, sample.value);
                }
                "request_duration_seconds_bucket" => counters.add(served(), within(), sample.value),
                "client_requests_total" => {
                    // `error` is a response too, such as NOT_FOUND.
                    let failed = matches!(sample.label("outcome"), "unavailable" | "late");
                    counters.add(called(), if failed { Part::Failed } else { Part::Succeeded }, sample.value);
                }
                "client_request_duration_seconds_bucket" => counters.add(called(), within(), sample.value),
                "client_instance_ejected" if sample.value > 0.0 => {
                    counters.ejected.push(sample.label("instance").into());
                }
                "process_resident_memory_bytes" => counters.resident_bytes = Some(sample.value),
                name => {
                    sqlite |= name == "db_file_bytes";
                    pool |= name.starts_with("db_pool_");
                    writer |= name == "write_queue_writes";
                }
            }
        }
        counters.database = match (sqlite, pool, writer) {
            (true, ..) => Some("sqlite"),
            (false, true, _) => Some("postgresql"),
            (false, false, true) => Some("memory"),
            (false, false, false) => None,
        };
        counters
    }

    fn add(&mut self, flow: Flow, part: Part, value: f64) {
        let observed = matches!(&flow, Flow::Served { route, .. } if OBSERVERS.contains(&route.as_str()));
        if !observed && value.is_finite() && value >= 0.0 && self.parts.len() < MAX_COUNTERS {
            *self.parts.entry((flow, part)).or_default() += value;
        }
    }

    /// Returns the traffic since `earlier`, counters of the same instance. Without it, or if the instance was restarted
    /// since, that is all it has counted.
    pub(crate) fn since(&self, earlier: Option<&Self>) -> HashMap<Flow, Traffic> {
        let smaller =
            |(key, before): (&(Flow, Part), &f64)| self.parts.get(key).is_some_and(|now| now < before);
        let earlier = earlier.filter(|earlier| !earlier.parts.iter().any(smaller));
        let mut flows: HashMap<Flow, Traffic> = HashMap::new();
        for (key, now) in &self.parts {
            let before = earlier.and_then(|earlier| earlier.parts.get(key)).copied().unwrap_or(0.0);
            let traffic = flows.entry(key.0.clone()).or_default();
            match key.1 {
                Part::Succeeded => traffic.count += now - before,
                Part::Failed => {
                    traffic.count += now - before;
                    traffic.failed += now - before;
                }
                Part::Within(bound) => traffic.within.push((f64::from_bits(bound), now - before)),
            }
        }
        for traffic in flows.values_mut() {
            traffic.within.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
        flows
    }
}

/// Returns true for a status that reports a failure of the service: of HTTP, or a code of gRPC.
fn is_failure(status: &str) -> bool {
    status.starts_with('5')
        || matches!(status, "UNAVAILABLE" | "INTERNAL" | "DEADLINE_EXCEEDED" | "UNKNOWN" | "DATA_LOSS")
}

impl Traffic {
    /// Adds the traffic of another period or instance.
    pub(crate) fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.failed += other.failed;
        for &(bound, count) in &other.within {
            match self.within.binary_search_by(|(known, _)| known.total_cmp(&bound)) {
                Ok(at) => self.within[at].1 += count,
                Err(at) => self.within.insert(at, (bound, count)),
            }
        }
    }

    /// Returns the time in milliseconds that the part `q` of the requests took at most, interpolated within a bucket;
    /// `None` without a request.
    pub(crate) fn quantile_ms(&self, q: f64) -> Option<f64> {
        let total = self.within.last()?.1;
        if total <= 0.0 {
            return None;
        }
        let rank = q * total;
        let at = self.within.iter().position(|(_, count)| *count >= rank)?;
        let (lower, below) = match at {
            0 => (0.0, 0.0),
            _ => self.within[at - 1],
        };
        let (upper, count) = self.within[at];
        let seconds = if upper.is_infinite() {
            lower
        } else if count > below {
            lower + (upper - lower) * (rank - below) / (count - below)
        } else {
            upper
        };
        Some(seconds * 1_000.0)
    }

    /// Returns the part of the requests that failed; `None` without a request.
    pub(crate) fn error_ratio(&self) -> Option<f64> {
        (self.count > 0.0).then(|| self.failed / self.count)
    }
}

#[cfg(test)]
mod tests;
