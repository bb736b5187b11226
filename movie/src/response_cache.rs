//! Whole answers about single movies, kept for a while and shared by the workers.

use crate::movie::Movie;
use cache::{Cache, Shared};
use model::RecordId;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

#[cfg(test)]
mod tests;

/// How many bytes are kept at most.
const BYTES: u64 = 32 * 1024 * 1024;

/// How many bytes of an answer's JSON are not its texts.
const JSON_NAMES: usize = 320;

/// Answers by their movies' ids. What they are made of may have changed since: for how long that doesn't matter
/// is for whoever runs the service to say.
#[derive(Debug)]
pub struct ResponseCache {
    movies: Cache<RecordId, Shared<Movie>>,
    hits: Counter,
    misses: Counter,
}

impl ResponseCache {
    /// Keeps answers for `ttl` from the moment that they were asked for behind; at most 32 MiB of them.
    #[must_use]
    pub fn new(ttl: Duration) -> Self {
        Self {
            movies: Cache::new(BYTES, Some(ttl), weigh),
            hits: Counter::default(),
            misses: Counter::default(),
        }
    }

    /// The kept answer about `id`, or else what `ask` gets. A partial one is not kept, nor a failure.
    ///
    /// # Errors
    ///
    /// Those of `ask`.
    pub async fn get_or<E>(
        &self,
        id: &RecordId,
        ask: impl Future<Output = Result<Movie, E>>,
    ) -> Result<Shared<Movie>, E> {
        if let Some(kept) = self.movies.get(id) {
            self.hits.inc();
            return Ok(kept);
        }
        self.misses.inc();
        let reading = self.movies.read(id);
        let movie = Shared::from(ask.await?);
        if movie.partial.is_empty() {
            self.movies.keep(reading, id.clone(), movie.clone());
        }
        Ok(movie)
    }

    /// Has `registry` tell how often an answer was kept, and what the kept ones take.
    pub fn register(self: &Arc<Self>, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("answers");
        registry.register("hits", "Single movies served from the response cache", self.hits.clone());
        registry.register("misses", "Single movies fetched from the services", self.misses.clone());
        registry.register_collector(Box::new(Bytes(self.clone())));
    }
}

/// How many bytes an entry takes.
fn weigh(id: &RecordId, movie: &Shared<Movie>) -> usize {
    // The ids of an answer share their texts or not, as the services behind were asked; its JSON has one more.
    let ids = 4 * id.as_str().len();
    size_of::<Movie>() + ids + 2 * movie.metadata.text_bytes() + JSON_NAMES
}

/// The gauge `answers_bytes`.
#[derive(Debug)]
struct Bytes(Arc<ResponseCache>);

impl Collector for Bytes {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let bytes = ConstGauge::new(self.0.movies.bytes());
        let metric = encoder.encode_descriptor(
            "bytes",
            "Memory used by the response cache",
            None,
            bytes.metric_type(),
        )?;
        bytes.encode(metric)
    }
}
