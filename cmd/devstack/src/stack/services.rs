//! The three services, started like their own programs, in tasks of this process.

mod instances;

use crate::config::{Listen, Stack};
use crate::embedded::endpoint::{Endpoint, reachable};
use crate::faults::Target;
use crate::stack::databases::Databases;
use crate::stack::instance::OwnInstance;
use anyhow::{Context, anyhow};
use clap::Parser;
use discovery::Registry;
use instances::Member;
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
    /// Whether instances of metadata and rating can have faults.
    pub(crate) faults: bool,
    /// The console's OTLP receiver, to which all services send their traces.
    pub(crate) otlp: Option<SocketAddr>,
}

/// The instances of this process, in the order of their start.
#[derive(Clone)]
pub(crate) struct Own {
    /// The metadata service's.
    pub(crate) metadata: Vec<Arc<OwnInstance>>,
    /// The rating service's.
    pub(crate) rating: Vec<Arc<OwnInstance>>,
    /// The movie service's.
    pub(crate) movie: Arc<OwnInstance>,
}

/// The running services.
pub(crate) struct Services {
    /// Their instances.
    pub(crate) own: Own,
    /// The instances that can have faults.
    pub(crate) targets: Vec<Target>,
    tasks: JoinSet<(&'static str, anyhow::Result<()>)>,
    stop: CancellationToken,
}

impl Services {
    /// Starts all three: rating first, because joining its consumer group takes longest.
    ///
    /// The instances of metadata share one store, and so do those of rating. Only the first of rating ingests: all
    /// would write through the same queue, and each further member of the group would delay its first assignment.
    pub(crate) async fn start(stack: &Stack, wiring: &Wiring) -> anyhow::Result<Self> {
        let Listen { metadata, rating, movie, .. } = stack.listen;
        let mut members = Members { stack, wiring, targets: Vec::new() };
        let ingesting = wiring.ingesting();
        let rating = members.bind("rating", rating, |number, line| {
            line.extend(["--database".to_owned(), wiring.databases.rating.clone()]);
            if number == 0 {
                line.extend(ingesting.iter().cloned());
            }
        });
        let mut rating: Vec<Member<rating::Config>> = rating.await?;
        for member in &mut rating {
            member.config.ingester.forget_offsets = wiring.embedded_broker;
        }
        let metadata = members.bind("metadata", metadata, |_, line| {
            line.extend(["--database".to_owned(), wiring.databases.metadata.clone()]);
        });
        let metadata: Vec<Member<metadata::Config>> = metadata.await?;
        let movie: movie::Config = configured("movie", movie, None, stack, wiring, |_| {})?;
        let movie_registry = OwnInstance::new(registry(&movie)?, None);

        let own = Own {
            metadata: metadata.iter().map(|member| member.registry.clone()).collect(),
            rating: rating.iter().map(|member| member.registry.clone()).collect(),
            movie: movie_registry.clone(),
        };
        let stop = CancellationToken::new();
        let mut services = Self { own, targets: members.targets, tasks: JoinSet::new(), stop: stop.clone() };
        services.run("rating", instances::rating(rating, stop.clone()));
        services.run("metadata", instances::metadata(metadata, stop.clone()));
        services.run("movie", movie::run(movie, Some(movie_registry), stop));
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

impl Wiring {
    /// Returns the flags of an instance of rating that ingests.
    fn ingesting(&self) -> Vec<String> {
        let own = self.kafka.options.iter().map(|(key, value)| format!("{key}={value}"));
        let embedded = EMBEDDED.iter().filter(|_| self.embedded_broker).map(|&option| option.to_owned());
        let options = own.chain(embedded).flat_map(|option| ["--kafka-option".to_owned(), option]);
        ["--kafka".to_owned(), self.kafka.brokers.clone()].into_iter().chain(options).collect()
    }
}

/// Binds the instances of the services.
struct Members<'a> {
    stack: &'a Stack,
    wiring: &'a Wiring,
    targets: Vec<Target>,
}

impl Members<'_> {
    /// Binds all instances of `service`: the first to `listen`, the others to free ports of its address. `flags`
    /// adds the flags of an instance, by its number.
    async fn bind<C: Program>(
        &mut self,
        service: &'static str,
        listen: SocketAddr,
        flags: impl Fn(usize, &mut Vec<String>),
    ) -> anyhow::Result<Vec<Member<C>>> {
        let mut members = Vec::new();
        for number in 0..self.stack.instances {
            let listen = if number == 0 { listen } else { SocketAddr::new(listen.ip(), 0) };
            let Endpoint { listener, address, proxy } =
                Endpoint::bind(service, listen, self.wiring.faults).await?;
            let config: C = configured(service, listen, Some(address), self.stack, self.wiring, |line| {
                flags(number, line)
            })?;
            if let Some(proxy) = &proxy {
                // The id under which the server registers an instance with this address.
                let id = format!("{service}-{}-{}", address.ip(), address.port());
                self.targets.push(Target::instance(id, service, Arc::clone(proxy)));
            }
            let registry = OwnInstance::new(registry(&config)?, proxy);
            members.push(Member { config, listener, registry });
        }
        Ok(members)
    }
}

/// Returns the configuration from the equivalent command line of the service.
fn configured<C: Parser>(
    name: &'static str,
    listen: SocketAddr,
    advertised: Option<SocketAddr>,
    stack: &Stack,
    wiring: &Wiring,
    flags: impl FnOnce(&mut Vec<String>),
) -> anyhow::Result<C> {
    let mut line: Vec<String> = vec![name.to_owned(), "--listen".to_owned(), listen.to_string()];
    line.extend(["--registry", "consul", "--consul", &wiring.consul].map(str::to_owned));
    let reachable = (listen.ip().is_unspecified() && listen.port() != 0).then(|| reachable(listen));
    if let Some(address) = advertised.or(reachable) {
        line.extend(["--advertise".to_owned(), address.to_string()]);
    }
    if let Some(address) = wiring.otlp {
        line.extend(["--otlp-endpoint".to_owned(), format!("http://{address}")]);
    }
    if let Some(workers) = stack.workers {
        line.extend(["--workers".to_owned(), workers.to_string()]);
    }
    flags(&mut line);
    C::try_parse_from(line).map_err(|error| anyhow!("{name}: {error}"))
}

fn registry(config: &impl Program) -> anyhow::Result<Arc<dyn Registry>> {
    let registry = service::registry(config.service(), config.registry_grace())?;
    registry.context("the stack needs a registry")
}
