//! Fills the running stack, and keeps it busy: simulated users rate, and the load reads.

use super::announce::Announcement;
use super::instance::OwnInstance;
use super::printer::Printer;
use super::services::{Own, Wiring};
use crate::faults::Faults;
use crate::faults::burst::Burst;
use crate::load::Load;
use crate::loading::source::{SEED, Source};
use crate::loading::{self, Loaded, feed};
use discovery::Instance;
use futures::future::try_join_all;
use model::Metadata;
use std::sync::Arc;
use std::time::Instant;
use tokio_util::sync::CancellationToken;
use trace::Tracer;

/// The number of movies that the load and bursts of events refer to.
const MOVIES: usize = 100;

/// What is needed to fill the stack.
pub(crate) struct Filling {
    /// The console's address, if there is one.
    pub(crate) console: Option<String>,
    /// The settings of the services.
    pub(crate) wiring: Wiring,
    /// The instances of this process.
    pub(crate) own: Own,
    /// Gets bursts of events once the stack is filled.
    pub(crate) faults: Arc<Faults>,
    /// The load, if it is wanted.
    pub(crate) load: Option<Arc<Load>>,
}

impl Filling {
    /// Prints the addresses, fills the stack from `source`, and keeps it busy until `stop`.
    pub(crate) async fn fill(
        &self,
        source: &Source,
        began: Instant,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let Self { wiring, own, .. } = self;
        let printer = Printer::start()?;
        let metadata = registered("metadata", &own.metadata).await?;
        let rating = registered("rating", &own.rating).await?;
        let movie = own.movie.registered("movie").await?;
        let authorities = |instances: &[Instance]| instances.iter().map(Instance::authority).collect();
        printer.print(&Announcement {
            console: self.console.clone(),
            registry: wiring.consul.clone(),
            kafka: wiring.kafka.brokers.clone(),
            metadata: authorities(&metadata),
            rating: authorities(&rating),
            movie: movie.authority(),
            database: wiring.databases.place.clone(),
        });
        let traces = trace::Config { endpoint: wiring.otlp_endpoint.clone(), ..trace::Config::default() };
        let tracer = Tracer::start(&traces, "viewers");
        let loaded = loading::load(source, wiring.kafka.clone(), &metadata[0], tracer, stop.clone()).await?;
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
        self.keep_busy(source, loaded, &movie, stop).await
    }

    /// Sends ratings of the simulated users, and the load, until `stop`.
    async fn keep_busy(
        &self,
        source: &Source,
        loaded: Loaded,
        movie: &Instance,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let Loaded { producer, flow, .. } = loaded;
        let movies: Vec<Metadata> = source.movies()?.filter_map(Result::ok).take(MOVIES).collect();
        self.faults.fill_with(Burst::new(Arc::clone(&producer), &movies, SEED + 1)?);
        let flow = async {
            match flow {
                Some(users) => feed::flow(producer, users, stop.clone()).await,
                None => stop.cancelled().await,
            }
            Ok(())
        };
        let load = async {
            let ids = movies.into_iter().map(|movie| movie.id.to_string()).collect();
            match &self.load {
                Some(load) => Arc::clone(load).run(movie.authority(), ids, stop.clone()).await,
                None => Ok(()),
            }
        };
        tokio::try_join!(flow, load).map(|_| ())
    }
}

/// Waits until all of `instances` are registered.
async fn registered(service: &str, instances: &[Arc<OwnInstance>]) -> anyhow::Result<Vec<Instance>> {
    try_join_all(instances.iter().map(|instance| instance.registered(service))).await
}
