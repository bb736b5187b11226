//! Three rating instances, two metadata instances, one movie instance and their agent.

use crate::data::Data;
use crate::http::{self, Client, get};
use crate::process::{Process, free_port};
use discovery::{Instance, Registry, consul, registration};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The time limit of any step.
const PATIENCE: Duration = Duration::from_secs(30);

/// The services' drain timeout.
pub(crate) const DRAIN: Duration = Duration::from_secs(10);

/// The command and folder of a part: the same before and after a restart.
#[derive(Clone)]
pub(crate) struct Place {
    part: &'static str,
    authority: String,
    flags: Vec<String>,
}

/// A running part of the stack.
pub(crate) struct Member {
    process: Process,
    place: Place,
}

impl Place {
    pub(crate) fn new<'a>(part: &'static str, port: u16, flags: impl IntoIterator<Item = &'a str>) -> Self {
        let authority = format!("127.0.0.1:{port}");
        let listen = ["--listen".to_owned(), authority.clone()];
        let flags = listen.into_iter().chain(flags.into_iter().map(str::to_owned)).collect();
        Self { part, authority, flags }
    }

    pub(crate) fn start(self) -> Member {
        Member { process: Process::start(self.part, &self.flags), place: self }
    }
}

impl Member {
    pub(crate) fn authority(&self) -> &str {
        &self.place.authority
    }

    /// Returns once it is ready to serve.
    pub(crate) async fn is_ready(&self, client: &Client) {
        let ready = async || matches!(get(client, self.authority(), "/readyz").await, Ok((200, _)));
        eventually(&format!("{} is ready", self.place.part), ready).await;
    }

    /// Kills it; returns its command and folder.
    pub(crate) fn kill(self) -> Place {
        self.place
    }

    pub(crate) fn signal(&self, signal: &str) {
        self.process.signal(signal);
    }

    /// Stops it gracefully and waits until it has ended; returns how long that took.
    pub(crate) async fn stop(self) -> Duration {
        self.process.stop().await
    }
}

/// The running stack.
pub(crate) struct Fleet<'a> {
    data: &'a Data,
    folder: TempDir,
    client: Client,
    consul: String,
    pub(crate) agent: Member,
    pub(crate) rating: Vec<Member>,
    pub(crate) metadata: Vec<Member>,
    pub(crate) movie: Member,
}

impl<'a> Fleet<'a> {
    /// Starts everything and waits until it is complete.
    pub(crate) async fn start(data: &'a Data) -> Self {
        let fleet = Self::with_ratings(data, "consul").await;
        fleet.has_registered(&[("rating", 3)]).await;
        fleet.is_whole().await;
        fleet
    }

    /// The same with unregistered rating instances, for proxies in front of them.
    pub(crate) async fn with_hidden_ratings(data: &'a Data) -> Self {
        Self::with_ratings(data, "none").await
    }

    async fn with_ratings(data: &'a Data, registry: &str) -> Self {
        let agent = Place::new("agent", free_port(), ["--dns-listen", "none"]).start();
        let consul = format!("http://{}", agent.authority());
        let movie =
            Place::new("movie", free_port(), ["--consul", &consul].into_iter().chain(EVERYONE)).start();
        let (folder, client) = (tempfile::tempdir().unwrap(), http::client());
        let (rating, metadata) = (Vec::new(), Vec::new());
        let mut fleet = Self { data, folder, client, consul, agent, rating, metadata, movie };
        fleet.rating = (0..3).map(|_| fleet.backend("rating", registry).start()).collect();
        fleet.metadata = (0..2).map(|_| fleet.backend("metadata", "consul").start()).collect();
        for member in fleet.rating.iter().chain(&fleet.metadata).chain([&fleet.movie]) {
            member.is_ready(&fleet.client).await;
        }
        fleet.has_registered(&[("metadata", 2), ("movie", 1)]).await;
        fleet
    }

    fn backend(&self, service: &'static str, registry: &str) -> Place {
        let port = free_port();
        let database = self.data.open(service, self.folder.path(), port);
        let flags = ["--registry", registry, "--consul", &self.consul, "--database", &database];
        Place::new(service, port, flags.into_iter().chain(EVERYONE))
    }

    /// Starts one more instance of `service` and waits until it is ready and registered.
    pub(crate) async fn another(&self, service: &'static str) -> Member {
        let member = self.backend(service, "consul").start();
        member.is_ready(&self.client).await;
        let there = async || self.registered(service).await.iter().any(|at| at == member.authority());
        eventually("it is registered", there).await;
        member
    }

    /// Restarts a killed part; returns once it is ready.
    pub(crate) async fn again(&self, place: Place) -> Member {
        let member = place.start();
        member.is_ready(&self.client).await;
        member
    }

    /// Waits until the agent has the given numbers of passing instances; returns how long that took.
    pub(crate) async fn has_registered(&self, services: &[(&str, usize)]) -> Duration {
        let there = async || {
            for &(service, count) in services {
                if self.registered(service).await.len() != count {
                    return false;
                }
            }
            true
        };
        eventually("everything is registered", there).await
    }

    /// Waits until movie's responses are complete, repeatedly; returns how long that took.
    pub(crate) async fn is_whole(&self) -> Duration {
        self.answers("movie's answers are whole", |movie| movie.get("partial").is_none()).await
    }

    /// Waits until every worker of movie has found metadata, whatever the ratings.
    pub(crate) async fn has_metadata(&self) {
        self.answers("movie has metadata", |_| true).await;
    }

    /// Waits until movie responds 20 times in a row as `wanted`; returns how long that took.
    async fn answers(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Duration {
        let all = async || {
            for _ in 0..20 {
                match get(&self.client, self.movie.authority(), "/v1/movies/1").await {
                    Ok((200, movie)) if wanted(&movie) => {}
                    _ => return false,
                }
            }
            true
        };
        eventually(what, all).await
    }

    /// Returns the addresses of the passing instances of `service`, according to the agent.
    async fn registered(&self, service: &str) -> Vec<String> {
        let path = format!("/v1/health/service/{service}?passing");
        let Ok((200, Value::Array(instances))) = get(&self.client, self.agent.authority(), &path).await
        else {
            return Vec::new();
        };
        let authority = |instance: &Value| {
            let service = &instance["Service"];
            format!("{}:{}", service["Address"].as_str().unwrap_or_default(), service["Port"])
        };
        instances.iter().map(authority).collect()
    }

    /// Returns the registry, as used by the services.
    pub(crate) fn registry(&self) -> Arc<dyn Registry> {
        let config = consul::Config { url: self.consul.clone(), ..consul::Config::default() };
        Arc::new(consul::Registry::new(config).unwrap())
    }

    /// Keeps an instance that is not a process of the fleet registered until the guard is dropped.
    pub(crate) async fn announce(&self, instance: &Instance) -> DropGuard {
        let stop = CancellationToken::new();
        tokio::spawn(registration::announce(self.registry(), instance.clone(), stop.clone()));
        let guard = stop.drop_guard();
        let there =
            async || self.registered(&instance.service).await.iter().any(|at| *at == instance.authority());
        eventually("it is registered", there).await;
        guard
    }
}

/// The arguments of all services.
const EVERYONE: [&str; 4] = ["--workers", "2", "--drain-timeout", "10s"];

/// Returns an instance of `service` at a local port.
pub(crate) fn instance(service: &str, port: u16) -> Instance {
    let id = format!("{service}-127.0.0.1-{port}");
    Instance { service: service.to_owned(), id, host: "127.0.0.1".to_owned(), port, tags: Vec::new() }
}

/// Waits until `holds`; returns how long that took.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < PATIENCE, "not in time: {what}");
        sleep(Duration::from_millis(10)).await;
    }
    began.elapsed()
}
