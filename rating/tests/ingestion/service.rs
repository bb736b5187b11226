//! Ingestion with its writer, as the service runs it.

use crate::broker::Broker;
use clap::Parser;
use model::{Record, RecordId, RecordType};
use prometheus_client::registry::Registry;
use rating::ingester::{self, Config, Handle, Metrics};
use rating::repository::{Batches, Positions, Ratings};
use rating::writer::Writer;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use trace::Tracer;

/// Ingestion as it runs.
pub(crate) struct Service {
    handle: Handle,
    writer: Writer,
    registry: Registry,
    stop: CancellationToken,
}

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    config: Config,
}

impl Service {
    pub(crate) fn start<R: Batches + Positions + 'static>(broker: &Broker, repository: Arc<R>) -> Self {
        Self::start_with(broker, repository, |_| ())
    }

    pub(crate) fn start_with<R: Batches + Positions + 'static>(
        broker: &Broker,
        repository: Arc<R>,
        adapt: impl FnOnce(&mut Config),
    ) -> Self {
        Self::start_traced(broker, repository, adapt, &Tracer::disabled())
    }

    pub(crate) fn start_traced<R: Batches + Positions + 'static>(
        broker: &Broker,
        repository: Arc<R>,
        adapt: impl FnOnce(&mut Config),
        tracer: &Tracer,
    ) -> Self {
        let arguments = ["test", "--kafka", &broker.servers()].map(str::to_owned).into_iter();
        let arguments = arguments.chain(Broker::OPTIONS.map(|option| format!("--kafka-option={option}")));
        let mut config = Arguments::parse_from(arguments).config;
        (config.topic, config.group) = (broker.topic().to_owned(), broker.topic().to_owned());
        adapt(&mut config);
        let (stop, metrics) = (CancellationToken::new(), Metrics::default());
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        let writer = Writer::start(repository.clone(), &stop);
        let handle = ingester::start(&config, &writer, repository, &metrics, tracer, &stop).unwrap().unwrap();
        Self { handle, writer, registry, stop }
    }

    pub(crate) fn ready(&self) -> Result<(), String> {
        self.handle.ready()
    }

    /// How ingestion stands, as it is told over REST.
    pub(crate) fn report(&self) -> api::json::Ingestion {
        self.handle.status().into()
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.ready().is_ok()
    }

    pub(crate) async fn wait_ready(&self) {
        wait_for("the service to be ready", || async { self.is_ready() }).await;
    }

    /// How many events came to `outcome`.
    pub(crate) fn events(&self, outcome: &str) -> u64 {
        self.count(&format!("ingest_events_total{{outcome=\"{outcome}\"}}"))
    }

    /// The value of a metric.
    pub(crate) fn count(&self, name: &str) -> u64 {
        let text = self.text();
        let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        found.map_or(0, |value| value.parse().unwrap())
    }

    /// The value of a gauge of a partition.
    pub(crate) fn of_partition(&self, partition: i32, name: &str) -> u64 {
        let topic = self.handle.status().topic;
        self.count(&format!("{name}{{topic=\"{topic}\",partition=\"{partition}\"}}"))
    }

    /// All metrics.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        text
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        let ended = async {
            self.handle.join().await;
            self.writer.ended().await;
        };
        tokio::time::timeout(Duration::from_secs(20), ended).await.expect("ingestion ends");
    }
}

/// Waits until `condition` holds, for at most 30 seconds.
pub(crate) async fn wait_for<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition().await {
        assert!(Instant::now() < deadline, "waited too long for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Count and sum of a movie's ratings.
pub(crate) async fn aggregate(repository: &dyn Ratings, record: usize) -> (u64, u64) {
    let record =
        Record { record_type: RecordType::movie(), record_id: RecordId::new(record.to_string()).unwrap() };
    let aggregate = repository.get_aggregate(&record).await.unwrap();
    aggregate.map_or((0, 0), |aggregate| (aggregate.histogram.count(), aggregate.histogram.sum()))
}
