//! The gateways whose single reads are merged. All other calls pass through.

use super::{Coalescer, Counts, Source};
use crate::gateway::rows::{in_order, single};
use crate::gateway::{Error, METADATA, MetadataGateway, RATING, RatingGateway};
use async_trait::async_trait;
use model::page::{Page, Request};
use model::search::Found;
use model::{Aggregate, Metadata, MinCount, RecordId, RecordType};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The maximum time for which a batch delays the next one. A batch that takes longer has met a slow instance; the next
/// may meet another. With 5 ms, reads of a service whose calls take 200 ms arrive 1 % later, with 40 calls in flight.
/// Without a limit they take twice as long; with 1 ms 200 calls are in flight, the maximum number of streams of a
/// connection (`cargo bench -p movie --bench patience`).
const PATIENCE: Duration = Duration::from_millis(5);

/// A metadata service whose single reads are merged.
pub struct MetadataBackend<G: MetadataGateway + 'static>(Arc<Coalescer<MetadataSource<G>>>);

struct MetadataSource<G>(G);

impl<G: MetadataGateway + 'static> Source for MetadataSource<G> {
    type Value = Metadata;
    const SERVICE: &'static str = METADATA;

    fn id(value: &Metadata) -> &RecordId {
        &value.id
    }

    async fn get(&self, id: &RecordId, deadline: Instant) -> Result<Option<Metadata>, Error> {
        self.0.get(id, deadline).await
    }

    async fn batch_get(&self, ids: &[RecordId], deadline: Instant) -> Result<Vec<Metadata>, Error> {
        self.0.batch_get(ids, deadline).await
    }
}

impl<G: MetadataGateway + 'static> MetadataBackend<G> {
    /// Merges the single reads of `gateway` on the current runtime.
    pub fn new(gateway: G, counts: Counts) -> Self {
        Self(Coalescer::new(MetadataSource(gateway), PATIENCE, counts))
    }

    fn gateway(&self) -> &G {
        &self.0.source().0
    }
}

#[async_trait]
impl<G: MetadataGateway + 'static> MetadataGateway for MetadataBackend<G> {
    async fn get(&self, id: &RecordId, deadline: Instant) -> Result<Option<Metadata>, Error> {
        self.0.read(id, deadline).await
    }

    async fn batch_get(&self, ids: &[RecordId], deadline: Instant) -> Result<Vec<Metadata>, Error> {
        self.gateway().batch_get(ids, deadline).await
    }

    async fn search(&self, query: &str, page: &Request, deadline: Instant) -> Result<Found<Metadata>, Error> {
        self.gateway().search(query, page, deadline).await
    }
}

/// A rating service whose single reads about movies are merged. Those about other records pass through.
pub struct RatingBackend<G: RatingGateway + 'static>(Arc<Coalescer<AggregateSource<G>>>);

struct AggregateSource<G> {
    gateway: G,
    record_type: RecordType,
}

impl<G: RatingGateway + 'static> Source for AggregateSource<G> {
    type Value = Aggregate;
    const SERVICE: &'static str = RATING;

    fn id(value: &Aggregate) -> &RecordId {
        &value.record.record_id
    }

    async fn get(&self, id: &RecordId, deadline: Instant) -> Result<Option<Aggregate>, Error> {
        let row = self.gateway.get_aggregate(&self.record_type, id, deadline).await?;
        single(&self.record_type, id, row).map_err(|unexpected| unexpected.by(RATING))
    }

    async fn batch_get(&self, ids: &[RecordId], deadline: Instant) -> Result<Vec<Aggregate>, Error> {
        let rows = self.gateway.batch_get_aggregates(&self.record_type, ids, deadline).await?;
        in_order(&self.record_type, ids, rows).map_err(|unexpected| unexpected.by(RATING))
    }
}

impl<G: RatingGateway + 'static> RatingBackend<G> {
    /// Merges the single reads about movies from `gateway` on the current runtime.
    pub fn new(gateway: G, counts: Counts) -> Self {
        let source = AggregateSource { gateway, record_type: RecordType::movie() };
        Self(Coalescer::new(source, PATIENCE, counts))
    }

    fn gateway(&self) -> &G {
        &self.0.source().gateway
    }
}

#[async_trait]
impl<G: RatingGateway + 'static> RatingGateway for RatingBackend<G> {
    async fn get_aggregate(
        &self,
        record_type: &RecordType,
        id: &RecordId,
        deadline: Instant,
    ) -> Result<Option<Aggregate>, Error> {
        if *record_type == self.0.source().record_type {
            self.0.read(id, deadline).await
        } else {
            self.gateway().get_aggregate(record_type, id, deadline).await
        }
    }

    async fn batch_get_aggregates(
        &self,
        record_type: &RecordType,
        ids: &[RecordId],
        deadline: Instant,
    ) -> Result<Vec<Aggregate>, Error> {
        self.gateway().batch_get_aggregates(record_type, ids, deadline).await
    }

    async fn list_top_rated(
        &self,
        record_type: &RecordType,
        min_count: MinCount,
        page: &Request,
        deadline: Instant,
    ) -> Result<Page<Aggregate>, Error> {
        self.gateway().list_top_rated(record_type, min_count, page, deadline).await
    }
}
