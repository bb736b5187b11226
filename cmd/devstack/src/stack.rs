//! The life cycle of the stack: start every part, fill it, keep it running, stop it.

mod announce;
mod databases;
mod instance;
mod ports;
mod printer;
mod services;
pub(crate) mod topics;

use crate::config::Stack;
use crate::embedded::{broker::Broker, registry};
use crate::loading::source::Source;
use crate::loading::{self, feed};
use announce::Announcement;
use databases::Databases;
use instance::OwnInstance;
use ports::Wanted;
use printer::Printer;
use ratingingester::config::Cluster;
use services::{Services, Wiring};
use std::sync::Arc;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// Runs the whole stack, filled from `source`, until `stop`; `began` is the start of the process.
pub async fn run(
    config: Stack,
    source: Source,
    began: Instant,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    ports::check(&wanted(&config))?;
    let databases = match &config.database {
        Some(url) => Databases::shared(url),
        None => Databases::files(&config.data_dir.join(source.name()), config.fresh)?,
    };
    let agent = match &config.consul {
        Some(_) => None,
        None => Some(registry::Registry::start(config.listen.agent).await?),
    };
    let broker = match &config.kafka {
        Some(brokers) => {
            let options = config.kafka_options.clone();
            topics::create_missing(&Cluster { brokers: brokers.clone(), options }).await?;
            None
        }
        None => Some(Broker::start(config.listen.broker).await?),
    };
    let wiring = Wiring {
        consul: config.consul.clone().or(agent.as_ref().map(registry::Registry::url)).unwrap_or_default(),
        kafka: Cluster {
            brokers: config.kafka.clone().or(broker.as_ref().map(Broker::servers)).unwrap_or_default(),
            options: config.kafka_options.clone(),
        },
        embedded_broker: broker.is_some(),
        databases,
    };
    let mut services = Services::start(&config, &wiring)?;
    let own = [&services.metadata, &services.rating, &services.movie].map(Arc::clone);
    let outcome = tokio::select! {
        error = services.ended() => Err(error),
        outcome = serve(&source, &wiring, own, began, stop.clone()) => outcome,
        () = stop.cancelled() => Ok(()),
    };
    // A load in progress must be stopped, whatever the reason of the end.
    stop.cancel();
    let stopped = services.stop().await;
    if let Some(agent) = agent {
        agent.stop().await?;
    }
    outcome.and(stopped)
}

/// Fills the running stack, prints the addresses, and keeps the simulated users rating.
async fn serve(
    source: &Source,
    wiring: &Wiring,
    [metadata, rating, movie]: [Arc<OwnInstance>; 3],
    began: Instant,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let printer = Printer::start()?;
    let metadata = metadata.registered("metadata").await?;
    let rating = rating.registered("rating").await?;
    let movie = movie.registered("movie").await?;
    printer.print(&Announcement {
        registry: flags::shown(&wiring.consul).into_owned(),
        kafka: wiring.kafka.brokers.clone(),
        metadata: metadata.authority(),
        rating: rating.authority(),
        movie: movie.authority(),
        database: wiring.databases.place.clone(),
    });
    let loaded = loading::load(source, wiring.kafka.clone(), &metadata, stop.clone()).await?;
    if let Some(Ok(first)) = source.movies()?.find(Result::is_ok) {
        loading::joined(&movie, first.id.as_str()).await?;
    }
    let seconds = began.elapsed().as_secs_f64();
    if let Source::MovieLens(_) = source {
        let skipped = &loaded.skipped;
        if skipped.count > 0 {
            printer.print(skipped);
        }
        let also =
            if skipped.count > 0 { format!(", {} rows skipped", skipped.count) } else { String::new() };
        printer.print(&format_args!(
            "imported {} movies, {} ratings in {seconds:.1} s{also}",
            loaded.movies, loaded.ratings
        ));
    }
    printer.print(&format_args!("ready in {seconds:.1} s"));
    match loaded.flow {
        Some(users) => feed::flow(loaded.producer, users, stop).await,
        None => stop.cancelled().await,
    }
    Ok(())
}

/// Returns the parts that will listen.
fn wanted(config: &Stack) -> Vec<Wanted> {
    let listen = &config.listen;
    let agent = config.consul.is_none().then_some(("the registry", "agent-listen", listen.agent));
    let broker = config.kafka.is_none().then_some(("the broker", "kafka-listen", listen.broker));
    let services = [
        ("metadata", "metadata-listen", listen.metadata),
        ("rating", "rating-listen", listen.rating),
        ("movie", "movie-listen", listen.movie),
    ];
    let all = agent.into_iter().chain(broker).chain(services);
    all.map(|(part, flag, address)| Wanted { part, flag, address }).collect()
}
