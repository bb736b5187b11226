//! The map of the system as JSON.

use crate::fleet::{Fleet, Flow, Observed, Traffic};
use serde_json::{Value, json};

/// What the map shows beside the instances.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    /// The time, in milliseconds since 1970.
    pub(crate) time_ms: f64,
    /// The registry's address, and whether it responds.
    pub(crate) registry: (String, bool),
    /// The brokers, and whether they respond, if they are known.
    pub(crate) broker: Option<(String, Option<bool>)>,
    /// The events that arrived per second, if any instance reports it.
    pub(crate) produced_per_second: Option<f64>,
    /// Ids of instances that ingest: events per second and lag.
    pub(crate) ingesting: Vec<(String, Option<f64>, u64)>,
    /// The address of the OTLP receiver.
    pub(crate) otlp: String,
    /// Spans received per second.
    pub(crate) spans_per_second: f64,
    /// Spans dropped since the start.
    pub(crate) spans_dropped: u64,
}

/// Returns the map.
pub(crate) fn map(fleet: &Fleet, around: &Surroundings) -> Value {
    let ejected = fleet.ejected();
    let mut edges: Vec<Value> = Vec::new();
    let mut per_second = 0.0;
    let mut services = Vec::new();
    let mut databases = Vec::new();
    for service in fleet.services() {
        let mut instances = Vec::new();
        for (id, observed) in &service.instances {
            let recent = observed.recent();
            let seconds = recent.as_ref().map(|(_, seconds)| *seconds);
            let flows = recent.iter().flat_map(|(flows, _)| flows);
            let (mut all, mut routes) = (Traffic::default(), Vec::new());
            for (flow, traffic) in flows {
                match flow {
                    Flow::Served { protocol, route } => {
                        all.add(traffic);
                        if traffic.count > 0.0 {
                            let place = json!({"route": route, "protocol": protocol});
                            routes.push(measured(place, traffic, seconds));
                        }
                    }
                    Flow::Called { service, instance } => {
                        if let Some(to) = fleet.resolve(service, instance) {
                            let edge = json!({"from": id, "to": to, "ejected": ejected.contains(&to)});
                            edges.push(measured(edge, traffic, seconds));
                        }
                    }
                }
            }
            if service.name == fleet.edge() && observed.is_listed() {
                per_second += seconds.map_or(0.0, |seconds| all.count / seconds);
                edges.push(measured(json!({"from": "clients", "to": id}), &all, seconds));
            }
            instances.push(instance(id, observed, ejected.contains(&id.as_str()), routes, &all, seconds));
        }
        if let Some(kind) = service.instances.values().find_map(Observed::database) {
            databases.push(json!({"service": service.name, "kind": kind}));
        }
        services.push(json!({"name": service.name, "instances": instances}));
    }
    if let Some(per_second) = around.produced_per_second {
        edges.push(json!({"from": "producers", "to": "kafka", "perSecond": per_second}));
    }
    for (id, per_second, lag) in &around.ingesting {
        edges.push(json!({"from": "kafka", "to": id, "perSecond": per_second, "lag": lag}));
    }
    json!({
        "timeMs": around.time_ms,
        "registry": {"address": around.registry.0, "up": around.registry.1},
        "broker": around.broker.as_ref().map(|(address, up)| json!({"address": address, "up": up})),
        "responses": {
            "total": fleet.responses().count as u64,
            "failed": fleet.responses().failed as u64,
            "perSecond": per_second,
        },
        "services": services,
        "databases": databases,
        "edges": edges,
        "telemetry": {
            "otlp": around.otlp,
            "spansPerSecond": around.spans_per_second,
            "dropped": around.spans_dropped,
        },
    })
}

fn instance(
    id: &str,
    observed: &Observed,
    ejected: bool,
    routes: Vec<Value>,
    all: &Traffic,
    seconds: Option<f64>,
) -> Value {
    let about = json!({
        "id": id,
        "address": observed.instance.authority(),
        "state": observed.state(),
        "ejected": ejected,
        "residentBytes": observed.resident_bytes().map(|bytes| bytes as u64),
        "routes": routes,
    });
    measured(about, all, seconds)
}

/// Adds rate, errors and latencies to an object; unknown ones are null.
fn measured(mut object: Value, traffic: &Traffic, seconds: Option<f64>) -> Value {
    object["perSecond"] = json!(seconds.map(|seconds| traffic.count / seconds));
    object["errorRatio"] = json!(seconds.and_then(|_| traffic.error_ratio()));
    object["p50Ms"] = json!(traffic.quantile_ms(0.5));
    object["p99Ms"] = json!(traffic.quantile_ms(0.99));
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{Counters, Readiness, Scrape};
    use discovery::Instance;
    use std::time::{Duration, Instant};

    fn instance(service: &str, port: u16) -> Instance {
        Instance {
            service: service.to_owned(),
            id: format!("{service}-127.0.0.1-{port}"),
            host: "127.0.0.1".to_owned(),
            port,
            tags: Vec::new(),
        }
    }

    fn surroundings() -> Surroundings {
        Surroundings {
            time_ms: 1.0,
            registry: ("http://127.0.0.1:8500".to_owned(), false),
            broker: None,
            produced_per_second: Some(3.0),
            ingesting: vec![("rating-127.0.0.1-2".to_owned(), Some(3.0), 7)],
            otlp: "127.0.0.1:4317".to_owned(),
            spans_per_second: 12.0,
            spans_dropped: 5,
        }
    }

    #[test]
    fn map_shows_instances_and_who_calls_whom() {
        let mut fleet = Fleet::new(&["metadata", "rating", "movie"].map(str::to_owned));
        let (movie, rating) = (instance("movie", 3), instance("rating", 2));
        let now = Instant::now();
        fleet.list("movie", &vec![movie.clone()].into(), now);
        fleet.list("rating", &vec![rating.clone()].into(), now);
        for (second, requests) in [(0, 0), (1, 50)] {
            let text = format!(
                "requests_total{{protocol=\"http\",route=\"/v1/movies/{{id}}\",status=\"200\"}} {requests}\n\
                 request_duration_seconds_bucket{{protocol=\"http\",route=\"/v1/movies/{{id}}\",le=\"0.01\"}} {requests}\n\
                 client_requests_total{{service=\"rating\",instance=\"{}\",outcome=\"ok\"}} {requests}\n\
                 client_instance_ejected{{service=\"rating\",instance=\"{}\"}} 1\n",
                rating.id, rating.id
            );
            let counters = Some(Counters::read(&text));
            let at = now + Duration::from_secs(second);
            fleet.scraped("movie", &movie.id, Scrape { readiness: Readiness::Ready, counters, at });
        }
        let map = map(&fleet, &surroundings());
        assert_eq!(map["services"][0], json!({"name": "metadata", "instances": []}));
        assert_eq!(map["services"][1]["instances"][0]["ejected"], true);
        let shown = &map["services"][2]["instances"][0];
        assert_eq!((&shown["state"], &shown["perSecond"]), (&json!("ready"), &json!(50.0)));
        assert_eq!(shown["routes"][0]["route"], "/v1/movies/{id}");
        assert_eq!(shown["routes"][0]["p50Ms"], 5.0);
        let edge = |from: &str, to: &str| {
            let edges = map["edges"].as_array().unwrap();
            edges.iter().find(|edge| edge["from"] == from && edge["to"] == to).unwrap().clone()
        };
        assert_eq!(edge("clients", &movie.id)["perSecond"], 50.0);
        assert_eq!(edge(&movie.id, &rating.id)["ejected"], true);
        assert_eq!(edge("kafka", &rating.id)["lag"], 7);
        assert_eq!(edge("producers", "kafka")["perSecond"], 3.0);
        assert_eq!(map["responses"], json!({"total": 50, "failed": 0, "perSecond": 50.0}));
        assert_eq!(map["telemetry"]["dropped"], 5);
    }

    #[test]
    fn unknown_numbers_are_null_and_not_zero() {
        let mut fleet = Fleet::new(&["movie".to_owned()]);
        fleet.list("movie", &vec![instance("movie", 3)].into(), Instant::now());
        let map = map(&fleet, &surroundings());
        let shown = &map["services"][0]["instances"][0];
        for name in ["perSecond", "errorRatio", "p50Ms", "p99Ms", "residentBytes"] {
            assert!(shown[name].is_null(), "{name}");
        }
        assert!(map["broker"].is_null());
    }
}
