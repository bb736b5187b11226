//! The gateways whose single reads are merged; everything else passes through.

use super::{Coalescer, Counts, Source};
use crate::gateway::rows::{in_order, single};
use crate::gateway::{Error, METADATA, MetadataGateway, RATING, RatingGateway};
use async_trait::async_trait;
use cache::Shared;
use model::page::{Page, Request};
use model::{Aggregate, Metadata, MinCount, RecordId, RecordType};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long a batch may hold up those behind it. One that takes longer has met an instance that is slow or ill,
/// which is no reason to wait: the next will meet another. At 5 ms reads of a service whose calls take 200 ms
/// get 1 % later and 40 calls are under way; without an end to it they would take twice as long, while at 1 ms
/// 200 calls were under way, as many streams as a connection has (`cargo bench -p movie --bench patience`).
const PATIENCE: Duration = Duration::from_millis(5);

/// A metadata service whose single reads go in batches.
pub struct MetadataBackend<G: MetadataGateway + 'static>(Arc<Coalescer<Metadatas<G>>>);

struct Metadatas<G>(G);

impl<G: MetadataGateway + 'static> Source for Metadatas<G> {
    type Value = Shared<Metadata>;
    const SERVICE: &'static str = METADATA;

    fn id(value: &Shared<Metadata>) -> &RecordId {
        &value.id
    }

    async fn get(&self, id: &RecordId, deadline: Instant) -> Result<Option<Shared<Metadata>>, Error> {
        self.0.get(id, deadline).await
    }

    async fn batch_get(&self, ids: &[RecordId], deadline: Instant) -> Result<Vec<Shared<Metadata>>, Error> {
        self.0.batch_get(ids, deadline).await
    }
}

impl<G: MetadataGateway + 'static> MetadataBackend<G> {
    /// Merges the single reads of `gateway` on the present runtime.
    pub fn new(gateway: G, counts: Counts) -> Self {
        Self(Coalescer::new(Metadatas(gateway), PATIENCE, counts))
    }

    fn gateway(&self) -> &G {
        &self.0.source().0
    }
}

#[async_trait]
impl<G: MetadataGateway + 'static> MetadataGateway for MetadataBackend<G> {
    async fn get(&self, id: &RecordId, deadline: Instant) -> Result<Option<Shared<Metadata>>, Error> {
        self.0.read(id, deadline).await
    }

    async fn batch_get(&self, ids: &[RecordId], deadline: Instant) -> Result<Vec<Shared<Metadata>>, Error> {
        self.gateway().batch_get(ids, deadline).await
    }

    async fn search(
        &self,
        query: &str,
        page: &Request,
        deadline: Instant,
    ) -> Result<Page<Shared<Metadata>>, Error> {
        self.gateway().search(query, page, deadline).await
    }
}

/// A rating service whose single reads of one type of record go in batches; those of others go singly.
pub struct RatingBackend<G: RatingGateway + 'static>(Arc<Coalescer<Aggregates<G>>>);

struct Aggregates<G> {
    gateway: G,
    record_type: RecordType,
}

impl<G: RatingGateway + 'static> Source for Aggregates<G> {
    type Value = Shared<Aggregate>;
    const SERVICE: &'static str = RATING;

    fn id(value: &Shared<Aggregate>) -> &RecordId {
        &value.record.record_id
    }

    async fn get(&self, id: &RecordId, deadline: Instant) -> Result<Option<Shared<Aggregate>>, Error> {
        let found = self.gateway.aggregate(&self.record_type, id, deadline).await?;
        single(&self.record_type, id, found).map_err(|unexpected| unexpected.by(RATING))
    }

    async fn batch_get(&self, ids: &[RecordId], deadline: Instant) -> Result<Vec<Shared<Aggregate>>, Error> {
        let found = self.gateway.batch(&self.record_type, ids, deadline).await?;
        in_order(&self.record_type, ids, found).map_err(|unexpected| unexpected.by(RATING))
    }
}

impl<G: RatingGateway + 'static> RatingBackend<G> {
    /// Merges the single reads of movies from `gateway` on the present runtime.
    pub fn new(gateway: G, counts: Counts) -> Self {
        let source = Aggregates { gateway, record_type: RecordType::movie() };
        Self(Coalescer::new(source, PATIENCE, counts))
    }

    fn gateway(&self) -> &G {
        &self.0.source().gateway
    }
}

#[async_trait]
impl<G: RatingGateway + 'static> RatingGateway for RatingBackend<G> {
    async fn aggregate(
        &self,
        record_type: &RecordType,
        id: &RecordId,
        deadline: Instant,
    ) -> Result<Option<Shared<Aggregate>>, Error> {
        if *record_type == self.0.source().record_type {
            self.0.read(id, deadline).await
        } else {
            self.gateway().aggregate(record_type, id, deadline).await
        }
    }

    async fn batch(
        &self,
        record_type: &RecordType,
        ids: &[RecordId],
        deadline: Instant,
    ) -> Result<Vec<Shared<Aggregate>>, Error> {
        self.gateway().batch(record_type, ids, deadline).await
    }

    async fn top(
        &self,
        record_type: &RecordType,
        min_count: MinCount,
        page: &Request,
        deadline: Instant,
    ) -> Result<Page<Shared<Aggregate>>, Error> {
        self.gateway().top(record_type, min_count, page, deadline).await
    }
}
