//! The running parts: registry, broker, console, services, and their faults.

use super::console::{Console, RunningConsole};
use super::databases::Databases;
use super::filling::Filling;
use super::services::{Services, Wiring};
use super::topics;
use crate::config::Stack;
use crate::embedded::{broker::Broker, registry::Registry};
use crate::faults::{Faults, Target};
use crate::load::Load;
use crate::loading::source::Source;
use ratingingester::config::Cluster;
use std::sync::Arc;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// The running parts of a stack.
pub(crate) struct Running {
    agent: Option<Registry>,
    _broker: Option<Broker>,
    console: Option<RunningConsole>,
    services: Services,
    filling: Filling,
    /// The faults of the parts.
    pub(crate) faults: Arc<Faults>,
}

impl Running {
    /// Starts all parts, with the data of `source` in its own folder.
    pub(crate) async fn start(config: &Stack, source: &Source) -> anyhow::Result<Self> {
        let databases = match &config.database {
            Some(url) => Databases::shared(url),
            None => Databases::files(&config.data_dir.join(source.name()), config.fresh)?,
        };
        let has_console = !config.no_console;
        let agent = match &config.consul {
            Some(_) => None,
            None => Some(Registry::start(config.listen.agent, has_console).await?),
        };
        let broker = match &config.kafka {
            Some(brokers) => {
                let options = config.kafka_options.clone();
                topics::create_missing(&Cluster { brokers: brokers.clone(), options }).await?;
                None
            }
            None => Some(Broker::start(config.listen.broker).await?),
        };
        let consul = config.consul.clone().or(agent.as_ref().map(Registry::url)).unwrap_or_default();
        let kafka = Cluster {
            brokers: config.kafka.clone().or(broker.as_ref().map(Broker::servers)).unwrap_or_default(),
            options: config.kafka_options.clone(),
        };
        let console =
            if has_console { Some(Console::bind(&config.listen, &consul, &kafka).await?) } else { None };
        // The standard variable is a choice of the user.
        let is_chosen = std::env::var_os("OTEL_EXPORTER_OTLP_ENDPOINT").is_some();
        let wiring = Wiring {
            consul,
            kafka,
            embedded_broker: broker.is_some(),
            databases,
            faults: has_console,
            otlp_endpoint: console.as_ref().filter(|_| !is_chosen).map(Console::otlp_endpoint),
        };
        let mut services = Services::start(config, &wiring).await?;

        let load = Arc::new(Load::default());
        let registry = agent.as_ref().and_then(Registry::target);
        let embedded = broker.as_ref().map(|broker| Target::broker(broker.control()));
        let targets = services.targets.drain(..).chain(registry).chain(embedded).collect();
        let faults = Faults::new(targets, Arc::clone(&load));
        let filling = Filling {
            console: console.as_ref().map(|console| console.address().to_string()),
            wiring,
            own: services.own.clone(),
            faults: Arc::clone(&faults),
            load: (has_console && !config.no_load).then_some(load),
        };
        let console = console.map(|console| console.start(Arc::clone(&faults)));
        Ok(Self { agent, _broker: broker, console, services, filling, faults })
    }

    /// Fills the stack from `source` and keeps it busy, until `stop` or until a part fails.
    pub(crate) async fn serve(
        &mut self,
        source: &Source,
        began: Instant,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let console = async {
            match &mut self.console {
                Some(console) => console.ended().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            error = self.services.ended() => Err(error),
            outcome = self.filling.fill(source, began, stop.clone()) => outcome,
            outcome = console => outcome,
            () = stop.cancelled() => Ok(()),
        }
    }

    /// Stops all parts and waits for them.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        // Services that can't reach the registry or the broker would wait for them.
        self.faults.heal_all().await;
        let mut stopped = self.services.stop().await;
        if let Some(console) = self.console {
            stopped = stopped.and(console.stop().await);
        }
        if let Some(agent) = self.agent {
            agent.stop().await?;
        }
        stopped
    }
}
