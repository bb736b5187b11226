//! `docs/metrics.md` against the metrics of running services, in both directions.

mod document;
mod exposition;

use api::movie::v1::GetMovieDetailsRequest;
use api::movie::v1::movie_service_client::MovieServiceClient;
use discovery::Registry;
use document::Section;
use exposition::Family;
use rdkafka::config::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::json;
use service::testing::Running;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const DOCUMENT: &str = include_str!("../../../../docs/metrics.md");

/// The sections whose condition does not hold for the services of this test.
const ABSENT: [&str; 1] = ["PostgreSQL"];

/// The three services with everything that has metrics: SQLite, Kafka, caches and a registry.
struct Services {
    metadata: Running,
    rating: Running,
    movie: Running,
}

fn parsed<C: clap::Parser>(name: &str, flags: &[&str]) -> C {
    service::testing::parse([name, "--workers", "2"].iter().chain(flags).copied()).unwrap()
}

impl Services {
    async fn start(data: &Path, brokers: &str) -> Self {
        let registry: Arc<dyn Registry> = discovery::memory::Registry::new();
        let file = |name: &str| format!("sqlite:{}", data.join(name).display());
        let config: metadata::Config = parsed("metadata", &["--database", &file("metadata.db")]);
        let metadata =
            Running::start("metadata", &registry, |registry, stop| metadata::run(config, registry, stop));
        let metadata = metadata.await.unwrap();
        let options = ["--kafka-option=session.timeout.ms=3500", "--kafka-option=heartbeat.interval.ms=500"];
        let flags = ["--database", &file("rating.db"), "--kafka", brokers, options[0], options[1]];
        let config: rating::Config = parsed("rating", &flags);
        let rating =
            Running::start("rating", &registry, |registry, stop| rating::run(config, registry, stop));
        let rating = rating.await.unwrap();
        let config: movie::Config = parsed("movie", &["--cache-ttl", "1m"]);
        let movie = Running::start("movie", &registry, |registry, stop| movie::run(config, registry, stop));
        Self { metadata, rating, movie: movie.await.unwrap() }
    }

    fn all(&self) -> [(&'static str, &Running); 3] {
        [("metadata", &self.metadata), ("rating", &self.rating), ("movie", &self.movie)]
    }

    /// Uses every part that has metrics.
    async fn use_all(&self) {
        let row = json!({ "metadata": [{ "id": "1", "title": "Movie 1" }] }).to_string();
        let put = self.metadata.send(http::Method::POST, "/v1/metadata:batchPut", Some(&row)).await.unwrap();
        assert_eq!(put.status, 200, "{:?}", put.body);
        let rate = "/rating?id=1&type=movie&userId=me&value=9";
        assert!(self.rating.send(http::Method::PUT, rate, None).await.unwrap().status.is_success());
        for path in ["/v1/movies/1", "/v1/movies/1", "/v1/movies/none", "/nowhere"] {
            self.movie.get(path).await.unwrap();
        }
        let mut movies = MovieServiceClient::new(self.movie.channel().await.unwrap());
        let details = GetMovieDetailsRequest { movie_id: "1".to_owned() };
        movies.get_movie_details(details).await.unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let state = self.rating.get("/v1/ingestion").await.unwrap().json();
            let events = &state["events"];
            if state["lag"] == 0
                && events["rejected"] == 1
                && events["created"] == 1
                && state["ready"] == true
            {
                return;
            }
            assert!(Instant::now() < deadline, "{state}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Returns a cluster with the topics, an event and a record that is none.
fn cluster() -> MockCluster<'static, rdkafka::producer::DefaultProducerContext> {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("ratings", 1, 1).unwrap();
    cluster.create_topic("ratings.dlq", 1, 1).unwrap();
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", cluster.bootstrap_servers()).create().unwrap();
    for value in [r#"{"userId":"ann","recordId":"1","recordType":"movie","value":5}"#, "no event"] {
        producer.send(BaseRecord::<str, str>::to("ratings").partition(0).payload(value)).unwrap();
    }
    producer.flush(Duration::from_secs(10)).unwrap();
    cluster
}

/// Returns what differs between the documentation of `service` and its metrics.
fn differences(service: &str, sections: &[Section], families: &BTreeMap<String, Family>) -> Vec<String> {
    let documented: BTreeMap<_, _> = sections
        .iter()
        .filter(|section| section.services.iter().any(|name| name == service))
        .flat_map(|section| {
            section.metrics.iter().map(move |metric| (metric.name.as_str(), (section, metric)))
        })
        .collect();
    let mut faults = Vec::new();
    for (name, (section, metric)) in &documented {
        let is_absent = ABSENT.contains(&section.title.as_str());
        match families.get(*name) {
            Some(family) if is_absent => faults.push(format!("{name} was not expected: {family:?}")),
            Some(family) => faults.extend(metric.differences(family)),
            None if is_absent => {}
            None => faults.push(format!("{name} is documented and not served")),
        }
    }
    let unknown = families.keys().filter(|name| !documented.contains_key(name.as_str()));
    faults.extend(unknown.map(|name| format!("{name} is served and not documented")));
    faults.into_iter().map(|fault| format!("{service}: {fault}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documented_metrics_are_those_that_are_served() {
    let data = tempfile::tempdir().unwrap();
    let cluster = cluster();
    let services = Services::start(data.path(), &cluster.bootstrap_servers()).await;
    services.use_all().await;
    let sections = document::parse(DOCUMENT);
    assert!(sections.len() > 10, "{}", sections.len());
    let mut faults = Vec::new();
    for (name, service) in services.all() {
        let body = service.get("/metrics").await.unwrap().body;
        let text = String::from_utf8(body.to_vec()).unwrap();
        exposition::promtool(&text);
        faults.extend(differences(name, &sections, &exposition::parse(&text)));
    }
    assert!(faults.is_empty(), "{faults:#?}");
    for service in [services.movie, services.rating, services.metadata] {
        service.stop().await.unwrap();
    }
}

#[test]
fn difference_of_every_kind_is_found() {
    let document = "\
## Requests

From: `a`, `b`.

| name | type | labels | unit | meaning |
|---|---|---|---|---|
| `x_total` | counter | `kind` (`one`, `two`), `free` | 1 | X |
| `y_seconds` | histogram | | seconds | Y |

## PostgreSQL

From: `a`. When: PostgreSQL.

| name | type | labels | unit | meaning |
|---|---|---|---|---|
| `z` | gauge | | 1 | Z |
";
    let right = "\
# HELP x_total X
# TYPE x_total counter
x_total{kind=\"one\",free=\"a, b=\\\"}\"} 3
# HELP y_seconds Y
# TYPE y_seconds histogram
y_seconds_bucket{le=\"+Inf\"} 1
y_seconds_sum 1
y_seconds_count 1
";
    let faults = |text: &str| differences("a", &document::parse(document), &exposition::parse(text));
    assert_eq!(faults(right), [] as [&str; 0]);
    for (part, planted, fault) in [
        ("kind=\"one\"", "kind=\"three\"", "kind"),
        ("kind=\"one\",", "", "labels"),
        ("free=\"a", "more=\"a", "labels"),
        ("x_total counter", "x_total gauge", "counter"),
        ("# HELP x", "# HELP z Z\n# TYPE z gauge\nz 1\n# HELP x", "z was not expected"),
        ("# HELP x", "# HELP w W\n# TYPE w gauge\nw 1\n# HELP x", "w is served and not documented"),
        (
            "y_seconds_bucket{le=\"+Inf\"} 1\ny_seconds_sum 1\ny_seconds_count 1\n",
            "",
            "y_seconds is documented",
        ),
    ] {
        let found = faults(&right.replace(part, planted));
        assert!(found.iter().any(|found| found.contains(fault)), "{planted}: {found:?}");
    }
}
