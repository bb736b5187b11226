//! Several instances of one service in this process, which share one open store.

use crate::stack::instance::OwnInstance;
use futures::stream::{FuturesUnordered, StreamExt};
use service::{Config, Drain};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// An instance that is bound and not started yet.
pub(super) struct Member<C> {
    pub(super) config: C,
    pub(super) listener: TcpListener,
    pub(super) registry: Arc<OwnInstance>,
}

/// Runs instances of rating until `stop`, or until one ends.
pub(super) async fn rating(
    members: Vec<Member<rating::Config>>,
    stop: CancellationToken,
) -> Result<(), rating::Error> {
    let Some(first) = members.first() else { return Ok(()) };
    let opened = stop.run_until_cancelled(rating::OpenStore::open(&first.config)).await;
    let Some(store) = opened.transpose()? else { return Ok(()) };
    let stop = stop.child_token();
    let drain = drain(&first.config.service, &stop);
    let serving = members.into_iter().map(|Member { config, listener, registry }| {
        let (store, drain, stop) = (&store, &drain, stop.clone());
        async move { store.serve(&config, listener, Some(registry), stop, drain).await }
    });
    let served = all(serving.collect(), &stop).await;
    store.close(&drain).await;
    served
}

/// Runs instances of metadata until `stop`, or until one ends.
pub(super) async fn metadata(
    members: Vec<Member<metadata::Config>>,
    stop: CancellationToken,
) -> Result<(), metadata::Error> {
    let Some(first) = members.first() else { return Ok(()) };
    let opened = stop.run_until_cancelled(metadata::OpenStore::open(&first.config)).await;
    let Some(store) = opened.transpose()? else { return Ok(()) };
    let stop = stop.child_token();
    let drain = drain(&first.config.service, &stop);
    let serving = members.into_iter().map(|Member { config, listener, registry }| {
        let (store, stop) = (&store, stop.clone());
        async move { store.serve(&config, listener, Some(registry), stop).await }
    });
    let served = all(serving.collect(), &stop).await;
    store.close(&drain).await;
    served
}

fn drain(config: &Config, stop: &CancellationToken) -> Drain {
    Drain::of(stop, config.drain_delay + config.drain_timeout)
}

/// Waits for all instances; once one has ended, stops the others. Returns the first error.
async fn all<E>(
    mut serving: FuturesUnordered<impl Future<Output = Result<(), E>>>,
    stop: &CancellationToken,
) -> Result<(), E> {
    let mut outcome = Ok(());
    while let Some(ended) = serving.next().await {
        stop.cancel();
        outcome = outcome.and(ended);
    }
    outcome
}
