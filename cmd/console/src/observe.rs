//! The task that observes the fleet once per second: it scrapes every instance and publishes the map.

use crate::config::Config;
use crate::dead_letters;
use crate::fetch::Fetcher;
use crate::fleet::{Counters, Fleet, Readiness, Scrape, State};
use crate::ingestion::{self, Reports};
use crate::stores::Stores;
use crate::system::{self, Surroundings};
use crate::time;
use discovery::{Instance, InstanceSet, Registry};
use futures::StreamExt;
use futures::future::join_all;
use http::StatusCode;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_util::task::AbortOnDropHandle;

/// The period of observations, and the time limit of a request: one that is late must not delay the next period.
const PERIOD: Duration = Duration::from_secs(1);
const WITHIN: Duration = Duration::from_millis(900);

/// The maximum sizes of responses, in bytes.
const MAX_METRICS: usize = 4 << 20;
const MAX_STATUS: usize = 1 << 20;

/// The last observation, as JSON. The page's interface serves it as it is, however many pages are open.
#[derive(Clone, Debug)]
pub(crate) struct Latest {
    pub(crate) system: Arc<str>,
    pub(crate) traces: Arc<str>,
    pub(crate) ingestion: Arc<str>,
    /// The instances that the registry lists, and whether each is ready.
    pub(crate) instances: Arc<[(Instance, bool)]>,
}

impl Default for Latest {
    fn default() -> Self {
        Self { system: "{}".into(), traces: "{}".into(), ingestion: "{}".into(), instances: Arc::from([]) }
    }
}

/// What is observed.
pub(crate) struct Observer {
    pub(crate) config: Config,
    pub(crate) otlp: SocketAddr,
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) fetcher: Fetcher,
    pub(crate) stores: Arc<Stores>,
    pub(crate) letters: dead_letters::Shared,
    pub(crate) latest: watch::Sender<Arc<Latest>>,
}

/// What the registry lists of a service; `None` before it has responded.
type Listed = watch::Receiver<Option<InstanceSet>>;

impl Observer {
    /// Observes until the future is dropped.
    pub(crate) async fn run(self) {
        let watched: Vec<_> = self.config.services.iter().map(|service| self.watch(service)).collect();
        let mut fleet = Fleet::new(&self.config.services);
        let mut reports = Reports::default();
        let mut received = (Instant::now(), 0);
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            for (service, (listed, _)) in self.config.services.iter().zip(&watched) {
                if let Some(set) = listed.borrow().as_ref() {
                    fleet.list(service, set, Instant::now());
                }
            }
            self.scrape(&mut fleet, &mut reports).await;
            self.publish(&fleet, &reports, &mut received);
        }
    }

    /// Follows the instances of `service` in a task that ends with the handle.
    fn watch(&self, service: &str) -> (Listed, AbortOnDropHandle<()>) {
        let (sender, listed) = watch::channel(None);
        let mut sets = self.registry.watch(service);
        let following = async move {
            while let Some(set) = sets.next().await {
                sender.send_replace(Some(set));
            }
        };
        (listed, AbortOnDropHandle::new(tokio::spawn(following)))
    }

    async fn scrape(&self, fleet: &mut Fleet, reports: &mut Reports) {
        let instances = |service: &crate::fleet::Service| {
            let all = service.instances.iter();
            let all =
                all.map(|(id, observed)| (id.clone(), observed.instance.authority(), observed.is_listed()));
            all.map(|(id, authority, listed)| (service.name.clone(), id, authority, listed))
                .collect::<Vec<_>>()
        };
        let all: Vec<_> = fleet.services().iter().flat_map(instances).collect();
        let observed = join_all(all.iter().map(|(service, _, authority, listed)| async move {
            let ingests = service == ingestion::SERVICE && *listed;
            tokio::join!(self.observe(authority), self.report(authority, ingests))
        }));
        let mut polled = Vec::new();
        for ((service, id, ..), (scrape, report)) in all.iter().zip(observed.await) {
            fleet.scraped(service, id, scrape);
            polled.extend(report.map(|report| (id.clone(), report)));
        }
        reports.polled(polled, Instant::now());
    }

    async fn observe(&self, authority: &str) -> Scrape {
        let ready = self.fetcher.get(authority, "/readyz", WITHIN, MAX_STATUS);
        let metrics = self.fetcher.get(authority, "/metrics", WITHIN, MAX_METRICS);
        let (ready, metrics) = tokio::join!(ready, metrics);
        let readiness = match ready {
            Ok((StatusCode::OK, _)) => Readiness::Ready,
            Ok((_, body)) if String::from_utf8_lossy(&body).contains("is stopping") => Readiness::Stopping,
            Ok(_) => Readiness::Unready,
            Err(_) => Readiness::Silent,
        };
        let metrics = metrics.ok().filter(|(status, _)| *status == StatusCode::OK);
        let counters = metrics.map(|(_, body)| Counters::read(&String::from_utf8_lossy(&body)));
        Scrape { readiness, counters, at: Instant::now() }
    }

    async fn report(&self, authority: &str, ingests: bool) -> Option<Result<api::json::Ingestion, String>> {
        if !ingests {
            return None;
        }
        let response = self.fetcher.get(authority, "/v1/ingestion", WITHIN, MAX_STATUS).await;
        Some(match response {
            Ok((StatusCode::OK, body)) => serde_json::from_slice(&body).map_err(|error| error.to_string()),
            Ok((status, _)) => Err(format!("the instance responded with {status}")),
            Err(error) => Err(error.to_string()),
        })
    }

    fn publish(&self, fleet: &Fleet, reports: &Reports, received: &mut (Instant, u64)) {
        let counts = self.stores.traces().counts();
        let (letters, broker_up) = {
            let letters = dead_letters::lock(&self.letters);
            (json!(&*letters), letters.broker_up())
        };
        let now = Instant::now();
        let seconds = now.duration_since(received.0).as_secs_f64();
        let around = Surroundings {
            time_ms: time::time_ms(time::now()),
            registry: (self.config.consul.clone(), self.registry.is_up()),
            broker: self.config.kafka.clone().map(|brokers| (brokers, broker_up)),
            produced_per_second: reports.produced_per_second(),
            ingesting: reports.ingesting(),
            otlp: self.otlp.to_string(),
            spans_per_second: if seconds > 0.0 {
                (counts.received - received.1) as f64 / seconds
            } else {
                0.0
            },
            spans_dropped: counts.dropped_spans,
        };
        *received = (now, counts.received);
        let listed = fleet.services().iter().flat_map(|service| service.instances.values());
        let listed = listed.filter(|observed| observed.is_listed());
        let instances = listed.map(|observed| (observed.instance.clone(), observed.state() == State::Ready));
        self.latest.send_replace(Arc::new(Latest {
            system: system::map(fleet, &around).to_string().into(),
            traces: json!(counts).to_string().into(),
            ingestion: json!({"instances": reports.json(), "deadLetters": letters}).to_string().into(),
            instances: instances.collect(),
        }));
    }
}
