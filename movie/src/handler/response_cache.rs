//! Single movies as they were returned, kept for a limited time and shared by all workers.

use api::json;
use bytes::Bytes;
use cache::Cache;
use model::{MovieDetails, RecordId};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

#[cfg(test)]
mod tests;

/// The maximum size of the cache in bytes.
const MAX_BYTES: u64 = 32 * 1024 * 1024;

/// The approximate number of bytes of a movie's JSON beside its texts.
const JSON_NAMES: usize = 320;

/// The initial capacity of the buffer for a movie's JSON; most movies take less.
const JSON_CAPACITY: usize = 1024;

/// A movie with its JSON, once that has been produced.
#[derive(Debug)]
pub(super) struct CachedMovie {
    pub(super) movie: MovieDetails,
    json: OnceLock<Bytes>,
}

impl CachedMovie {
    /// Returns the movie as JSON. It is kept for other owners, if there are any: without a cache there are none.
    pub(super) fn json(self: &Arc<Self>) -> serde_json::Result<Bytes> {
        if let Some(json) = self.json.get() {
            return Ok(json.clone());
        }
        let mut json = Vec::with_capacity(JSON_CAPACITY);
        serde_json::to_writer(&mut json, &json::Movie::from(&self.movie))?;
        if Arc::strong_count(self) == 1 {
            return Ok(json.into());
        }
        // A cached movie keeps no more bytes than `weigh` counts.
        json.shrink_to_fit();
        Ok(self.json.get_or_init(|| json.into()).clone())
    }
}

impl From<MovieDetails> for CachedMovie {
    fn from(movie: MovieDetails) -> Self {
        Self { movie, json: OnceLock::new() }
    }
}

/// Movies by id. A cached movie may be older than what the services store, by the time to live at most: whether that is
/// acceptable is the operator's decision.
#[derive(Debug)]
pub(crate) struct ResponseCache {
    movies: Cache<RecordId, Arc<CachedMovie>>,
}

impl ResponseCache {
    /// Creates a cache of at most 32 MiB that keeps a movie for `ttl` from the start of its read.
    pub(crate) fn new(ttl: Duration) -> Self {
        Self { movies: Cache::new(MAX_BYTES, Some(ttl), weigh) }
    }

    /// Returns the cached movie `id`, or the result of `read`. Partial movies and failures are not cached.
    ///
    /// # Errors
    ///
    /// Those of `read`.
    pub(super) async fn get_or_read<E>(
        &self,
        id: &RecordId,
        read: impl Future<Output = Result<MovieDetails, E>>,
    ) -> Result<Arc<CachedMovie>, E> {
        if let Some(cached) = self.movies.get(id) {
            trace::annotate("marquee.cache", "hit");
            return Ok(cached);
        }
        trace::annotate("marquee.cache", "miss");
        let reading = self.movies.read(id);
        let cached = Arc::new(CachedMovie::from(read.await?));
        if cached.movie.partial.is_empty() {
            self.movies.keep(reading, id.clone(), cached.clone());
        }
        Ok(cached)
    }

    /// Returns how the cache is used.
    pub(crate) fn statistics(&self) -> cache::Statistics {
        self.movies.statistics()
    }
}

/// Returns the number of bytes that an entry takes.
fn weigh(id: &RecordId, cached: &Arc<CachedMovie>) -> usize {
    // The key, both rows and the JSON each have the id; the texts are in the metadata and in the JSON.
    let ids = 4 * id.as_str().len();
    size_of::<CachedMovie>() + ids + 2 * cached.movie.metadata.text_bytes() + JSON_NAMES
}
