//! A stack in this process, under its own load, with one fault after the other.

use super::*;
use crate::config::Config;
use crate::faults::Faults;
use ::console::Faults as _;
use ::console::faults::{Action, Target};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(60);

/// The services' drain timeout.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// The number of requests of the load during each fault once it has taken effect: two seconds.
const REQUESTS: u64 = 80;

/// The stack and its instances, as `host:port`.
struct Fleet {
    faults: Arc<Faults>,
    movie: String,
    rating: Vec<String>,
    metadata: Vec<String>,
}

/// Returns status and body of a GET, within a second.
async fn get(authority: &str, path: &str) -> Option<(u16, String)> {
    let call = async {
        let mut stream = TcpStream::connect(authority).await.ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut response = String::new();
        stream.read_to_string(&mut response).await.ok()?;
        let (head, body) = response.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    };
    timeout(Duration::from_secs(1), call).await.ok().flatten()
}

async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < PATIENCE, "not in time: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

impl Fleet {
    /// Returns the sum of a metric of movie over the samples with `label`.
    async fn metric(&self, name: &str, label: &str) -> f64 {
        let (_, text) = get(&self.movie, "/metrics").await.unwrap();
        let sample = |line: &&str| line.starts_with(name) && line.contains(label);
        text.lines().filter(sample).map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }

    /// Returns the state of ingestion in the first instance of rating.
    async fn ingestion(&self) -> Value {
        let (status, body) = get(&self.rating[0], "/v1/ingestion").await.unwrap();
        assert_eq!(status, 200);
        serde_json::from_str(&body).unwrap()
    }

    /// Returns the number of events that ingestion has applied.
    async fn applied(&self) -> u64 {
        let events = self.ingestion().await["events"].clone();
        events.as_object().unwrap().values().filter_map(Value::as_u64).sum()
    }

    async fn load(&self) -> ::console::faults::Load {
        self.faults.state().await.load
    }

    /// Applies a fault and waits for its effect; asserts that no request of the load fails until it is healed.
    async fn endures(&self, target: &str, action: Action, mut effect: impl AsyncFnMut() -> bool) {
        let what = format!("{action:?} of {target}");
        self.faults.apply(target, action).await.unwrap();
        eventually(&what, &mut effect).await;
        let sent = self.load().await.sent;
        eventually("the load goes on", async || self.load().await.sent >= sent + REQUESTS).await;
        assert!(effect().await, "{what} has ended by itself");
        self.faults.heal(target).await.unwrap();
        let load = self.load().await;
        assert_eq!((load.failed, load.last_failure), (0, None), "{what}");
    }

    /// The faults of the instance of `service` at `authority`.
    async fn endures_faults_of(&self, service: &str, authority: &str) {
        let id = format!("{service}-{}", authority.replace(':', "-"));
        let label = format!("service=\"{service}\"");
        for action in [Action::Kill, Action::Freeze, Action::Fail] {
            let before = self.metric("client_ejections_total", &label).await;
            self.endures(&id, action, async || {
                let response = get(authority, "/healthz").await;
                let wrong = match action {
                    Action::Fail => response.is_some_and(|(status, _)| status == 500),
                    _ => response.is_none(),
                };
                wrong && self.metric("client_ejections_total", &label).await > before
            })
            .await;
            eventually("the instance is called again", async || {
                let healthy = get(authority, "/healthz").await.is_some_and(|(status, _)| status == 200);
                healthy && self.metric("client_instances_ejected", &label).await == 0.0
            })
            .await;
        }
        self.endures(&id, Action::Slow, async || {
            let began = Instant::now();
            get(authority, "/healthz").await.is_some() && began.elapsed() >= Duration::from_millis(300)
        })
        .await;
    }
}

/// Returns the addresses of the instances of `service` that can have faults.
fn addresses(targets: &[Target], service: &str) -> Vec<String> {
    let of_service = |target: &&Target| target.service.as_deref() == Some(service);
    let address = |target: &Target| {
        let (host, port) = target.id.strip_prefix(service).unwrap()[1..].rsplit_once('-').unwrap();
        format!("{host}:{port}")
    };
    targets.iter().filter(of_service).map(address).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_response_fails_while_one_part_has_a_fault() {
    let data = tempfile::tempdir().unwrap();
    let movie = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let parts =
        ["agent-listen", "kafka-listen", "metadata-listen", "rating-listen", "console", "otlp-listen"];
    let parts = parts.map(|flag| format!("--{flag}=127.0.0.1:0"));
    let own = [format!("--movie-listen={movie}"), format!("--data-dir={}", data.path().display())];
    let line = ["devstack", "--workers=2"].map(str::to_owned).into_iter().chain(parts).chain(own);
    let config = flags::try_parse::<Config>(line.map(Into::into)).unwrap().stack;
    let source = Source::open(&config).unwrap();
    let mut running = Running::start(&config, &source).await.unwrap();
    let faults = Arc::clone(&running.faults);
    let stop = CancellationToken::new();
    let serving = tokio::spawn({
        let stop = stop.clone();
        async move {
            let served = running.serve(&source, Instant::now(), &stop).await;
            stop.cancel();
            served.and(running.stop().await)
        }
    });
    let targets = faults.state().await.targets;
    let [rating, metadata] = ["rating", "metadata"].map(|service| addresses(&targets, service));
    assert_eq!((rating.len(), metadata.len()), (2, 2));
    let fleet = Fleet { faults, movie, rating, metadata };
    eventually("the load runs", async || fleet.load().await.sent > REQUESTS).await;

    fleet.endures_faults_of("rating", &fleet.rating[0]).await;
    fleet.endures_faults_of("metadata", &fleet.metadata[1]).await;
    let no_registry = async || fleet.metric("registry_up", "").await == 0.0;
    fleet.endures("registry", Action::Cut, no_registry).await;
    eventually("the registry is back", async || fleet.metric("registry_up", "").await == 1.0).await;
    fleet.endures("broker", Action::Stop, async || fleet.ingestion().await["ready"] == false).await;
    eventually("ingestion goes on", async || fleet.ingestion().await["ready"] == true).await;
    let before = fleet.applied().await;
    fleet.endures("topic", Action::Burst, async || fleet.applied().await >= before + 20_000).await;

    let frozen = format!("rating-{}", fleet.rating[0].replace(':', "-"));
    for (target, action) in
        [("registry", Action::Cut), ("broker", Action::Stop), (frozen.as_str(), Action::Freeze)]
    {
        fleet.faults.apply(target, action).await.unwrap();
    }
    let began = Instant::now();
    stop.cancel();
    serving.await.unwrap().unwrap();
    assert!(began.elapsed() < DRAIN_TIMEOUT, "{:?}", began.elapsed());
}
