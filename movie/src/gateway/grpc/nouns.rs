//! What the rows of answers mean: nouns, remembered by the rows' bytes for all workers.

use crate::gateway::{Error, METADATA, RATING};
use api::rows::Row;
use bytes::Bytes;
use cache::{Memo, Shared};
use model::{Aggregate, Metadata};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// How many bytes of metadata are remembered at most.
const METADATA_BYTES: u64 = 16 * 1024 * 1024;

/// How many bytes of aggregates are remembered at most.
const AGGREGATE_BYTES: u64 = 8 * 1024 * 1024;

/// How many bytes of a noun's JSON and encoding are not its texts, at most but for the longest numbers.
const METADATA_NAMES: usize = 128;
const AGGREGATE_NUMBERS: usize = 288;

/// The nouns of one service. A row that has come before is neither decoded nor held against the rules again, and
/// its noun has its JSON and its encoding already.
#[derive(Debug)]
pub(super) struct Nouns<T> {
    service: &'static str,
    memo: Memo<T>,
    numbers: Numbers,
}

/// What remembering comes to.
#[derive(Debug)]
struct Numbers {
    hits: Counter,
    misses: Counter,
    bytes: Gauge,
}

impl<T: Row> Nouns<T> {
    fn new(service: &'static str, memo: Memo<T>, numbers: Numbers) -> Arc<Self> {
        Arc::new(Self { service, memo, numbers })
    }

    /// All rows of an answer; one that is no noun is the service's failure.
    pub(super) fn all(&self, rows: &[Bytes]) -> Result<Vec<Shared<T>>, Error> {
        let mut misses = 0;
        let mut read = |row: &[u8]| {
            misses += 1;
            T::read(row)
        };
        let nouns = rows.iter().map(|row| self.memo.get_or_read(row, &mut read));
        let nouns: Vec<_> =
            nouns.collect::<Result<_, _>>().map_err(|unreadable| Error::failed(self.service, unreadable))?;
        self.numbers.hits.inc_by(nouns.len() as u64 - misses);
        if misses > 0 {
            self.numbers.misses.inc_by(misses);
            self.numbers.bytes.set(self.memo.bytes().cast_signed());
        }
        Ok(nouns)
    }
}

/// The nouns of both services; clones share them.
#[derive(Clone, Debug)]
pub struct Known {
    pub(super) metadata: Arc<Nouns<Metadata>>,
    pub(super) aggregates: Arc<Nouns<Aggregate>>,
}

impl Known {
    /// Knows nothing yet, and at most 24 MiB; `registry` tells how often that was of use.
    pub fn register(registry: &mut Registry) -> Self {
        let registry = registry.sub_registry_with_prefix("rows");
        let hits = Family::<[(&str, &str); 1], Counter>::default();
        let misses = Family::<[(&str, &str); 1], Counter>::default();
        let bytes = Family::<[(&str, &str); 1], Gauge>::default();
        registry.register("hits", "Response rows that were already decoded", hits.clone());
        registry.register("misses", "Response rows that had to be decoded", misses.clone());
        registry.register("bytes", "Memory used by decoded rows", bytes.clone());
        let numbers = |service| Numbers {
            hits: hits.get_or_create_owned(&[("service", service)]),
            misses: misses.get_or_create_owned(&[("service", service)]),
            bytes: bytes.get_or_create_owned(&[("service", service)]),
        };
        let metadata = Memo::new(METADATA_BYTES, weigh_metadata);
        let aggregates = Memo::new(AGGREGATE_BYTES, weigh_aggregate);
        Self {
            metadata: Nouns::new(METADATA, metadata, numbers(METADATA)),
            aggregates: Nouns::new(RATING, aggregates, numbers(RATING)),
        }
    }
}

fn weigh_metadata(metadata: &Metadata) -> usize {
    size_of::<Metadata>() + 3 * (metadata.id.as_str().len() + metadata.text_bytes()) + METADATA_NAMES
}

fn weigh_aggregate(aggregate: &Aggregate) -> usize {
    let names = aggregate.record.record_type.as_str().len() + aggregate.record.record_id.as_str().len();
    size_of::<Aggregate>() + 2 * names + AGGREGATE_NUMBERS
}
