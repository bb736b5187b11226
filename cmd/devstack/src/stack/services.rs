//! The three services, started like their own programs, in tasks of this process.

use crate::config::{Listen, Stack};
use crate::stack::databases::Databases;
use crate::stack::instance::OwnInstance;
use anyhow::{Context, anyhow};
use clap::Parser;
use ratingingester::config::Cluster;
use service::Program;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// librdkafka settings for the embedded broker: its first join takes 3 s, and every rebalance takes the session
/// time-out minus one second.
const EMBEDDED: [&str; 2] = ["session.timeout.ms=3500", "heartbeat.interval.ms=500"];

/// The settings that differ from the services' defaults.
#[derive(Clone, Debug)]
pub(crate) struct Wiring {
    /// The registry's URL.
    pub(crate) consul: String,
    /// The Kafka brokers.
    pub(crate) kafka: Cluster,
    /// Whether they are the embedded broker, which starts empty.
    pub(crate) embedded_broker: bool,
    /// The databases.
    pub(crate) databases: Databases,
}

/// The running services.
pub(crate) struct Services {
    /// The metadata service's instance.
    pub(crate) metadata: Arc<OwnInstance>,
    /// The rating service's instance.
    pub(crate) rating: Arc<OwnInstance>,
    /// The movie service's instance.
    pub(crate) movie: Arc<OwnInstance>,
    tasks: JoinSet<(&'static str, anyhow::Result<()>)>,
    stop: CancellationToken,
}

impl Services {
    /// Starts all three: rating first, because joining its consumer group takes longest.
    pub(crate) fn start(stack: &Stack, wiring: &Wiring) -> anyhow::Result<Self> {
        let Listen { metadata, rating, movie, .. } = stack.listen;
        let flags = ["--database", &wiring.databases.metadata];
        let metadata: metadata::Config = configured("metadata", metadata, stack, wiring, &flags)?;
        let mut flags = vec!["--database", &wiring.databases.rating, "--kafka", &wiring.kafka.brokers];
        let options: Vec<String> =
            wiring.kafka.options.iter().map(|(key, value)| format!("{key}={value}")).collect();
        flags.extend(options.iter().flat_map(|option| ["--kafka-option", option]));
        if wiring.embedded_broker {
            flags.extend(EMBEDDED.iter().flat_map(|option| ["--kafka-option", option]));
        }
        let mut rating: rating::Config = configured("rating", rating, stack, wiring, &flags)?;
        rating.ingester.forget_offsets = wiring.embedded_broker;
        let movie: movie::Config = configured("movie", movie, stack, wiring, &[])?;

        let stop = CancellationToken::new();
        let mut services = Self {
            metadata: in_registry(&metadata)?,
            rating: in_registry(&rating)?,
            movie: in_registry(&movie)?,
            tasks: JoinSet::new(),
            stop: stop.clone(),
        };
        let registry = services.rating.clone();
        services.run("rating", rating::run(rating, Some(registry), stop.clone()));
        let registry = services.metadata.clone();
        services.run("metadata", metadata::run(metadata, Some(registry), stop.clone()));
        let registry = services.movie.clone();
        services.run("movie", movie::run(movie, Some(registry), stop));
        Ok(services)
    }

    fn run<E: std::error::Error + Send + Sync + 'static>(
        &mut self,
        name: &'static str,
        service: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        self.tasks.spawn(async move { (name, service.await.with_context(|| format!("{name} failed"))) });
    }

    /// Waits until a service ends, which is a failure.
    pub(crate) async fn ended(&mut self) -> anyhow::Error {
        match self.tasks.join_next().await {
            Some(Ok((_, Err(error)))) => error,
            Some(Ok((name, Ok(())))) => anyhow!("{name} stopped unexpectedly"),
            Some(Err(panicked)) => anyhow::Error::new(panicked).context("a service failed"),
            None => anyhow!("no service is running"),
        }
    }

    /// Stops the services that still run and waits for them.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.stop.cancel();
        let mut outcome = Ok(());
        while let Some(ended) = self.tasks.join_next().await {
            let ended = ended.context("a service failed").and_then(|(_, ended)| ended);
            outcome = outcome.and(ended);
        }
        outcome
    }
}

/// Returns the configuration from the equivalent command line of the service.
fn configured<C: Parser>(
    name: &'static str,
    listen: SocketAddr,
    stack: &Stack,
    wiring: &Wiring,
    flags: &[&str],
) -> anyhow::Result<C> {
    let mut line: Vec<String> = vec![name.to_owned(), "--listen".to_owned(), listen.to_string()];
    line.extend(["--registry", "consul", "--consul", &wiring.consul].map(str::to_owned));
    if listen.ip().is_unspecified() && listen.port() != 0 {
        line.extend(["--advertise".to_owned(), format!("127.0.0.1:{}", listen.port())]);
    }
    if let Some(workers) = stack.workers {
        line.extend(["--workers".to_owned(), workers.to_string()]);
    }
    line.extend(flags.iter().map(|&flag| flag.to_owned()));
    C::try_parse_from(line).map_err(|error| anyhow!("{name}: {error}"))
}

fn in_registry(config: &impl Program) -> anyhow::Result<Arc<OwnInstance>> {
    let registry = service::registry(config.service(), config.registry_grace())?;
    Ok(OwnInstance::new(registry.context("the stack needs a registry")?))
}
