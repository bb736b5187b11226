//! How a cache is used, and the metrics of a service's caches.

use meter::Sampler;
use std::fmt;

/// How a cache is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// Reads that found a value.
    pub hits: u64,
    /// Reads that found none, or one that is too old.
    pub misses: u64,
    /// Values in the cache.
    pub entries: u64,
    /// Memory that they take.
    pub bytes: u64,
    /// The limit of that memory.
    pub max_bytes: u64,
}

/// Encodes the metrics of caches, which are labelled with their names.
///
/// # Errors
///
/// Those of the encoder.
pub fn sample<const N: usize>(to: &mut Sampler<'_>, caches: [(&'static str, Statistics); N]) -> fmt::Result {
    let rows = |value: fn(Statistics) -> u64| {
        caches.map(|(cache, statistics)| ([("cache", cache)], value(statistics)))
    };
    to.counters("cache_hits", "Reads that were served from the cache", rows(|cache| cache.hits))?;
    let help = "Reads that were not served from the cache, because the value was missing or too old";
    to.counters("cache_misses", help, rows(|cache| cache.misses))?;
    to.gauges("cache_entries", "Values in the cache", rows(|cache| cache.entries))?;
    to.gauges("cache_bytes", "Memory that the values take", rows(|cache| cache.bytes))?;
    to.gauges("cache_max_bytes", "The limit of the memory for values", rows(|cache| cache.max_bytes))
}
