//! The backend services over REST: one pool of connections to each instance, on each worker.

mod backend;
mod failure;
mod traced;

use super::{Error, METADATA, MetadataGateway, RATING, RatingGateway};
use api::json;
use async_trait::async_trait;
use backend::{Backend, encoded, id_lists};
use client::{Instances, Options};
use model::page::{Page, Request};
use model::search::Found;
use model::{Aggregate, Metadata, MinCount, RecordId, RecordType};
use tokio::time::Instant;
use trace::Tracer;

/// Returns the query parameters of `page`.
fn paging(page: &Request) -> String {
    let size = page.size.get();
    match &page.token {
        Some(token) => format!("pageSize={size}&pageToken={}", encoded(token)),
        None => format!("pageSize={size}"),
    }
}

/// The metadata service over REST.
#[derive(Clone, Debug)]
pub struct MetadataBackend(Backend);

impl MetadataBackend {
    /// Creates a gateway to `instances` for the current runtime.
    #[must_use]
    pub fn new(instances: &Instances, options: Options, tracer: Tracer) -> Self {
        Self(Backend::new(METADATA, instances, options, tracer))
    }

    async fn list(&self, query: &str, deadline: Instant) -> Result<Found<Metadata>, Error> {
        self.0.read::<json::MetadataList, _>("/v1/metadata", &format!("/v1/metadata?{query}"), deadline).await
    }
}

#[async_trait]
impl MetadataGateway for MetadataBackend {
    async fn get(&self, id: &RecordId, deadline: Instant) -> Result<Option<Metadata>, Error> {
        let path = format!("/v1/metadata/{}", encoded(id.as_str()));
        self.0.find::<json::Metadata, _>("/v1/metadata/{id}", &path, deadline).await
    }

    async fn batch_get(&self, ids: &[RecordId], deadline: Instant) -> Result<Vec<Metadata>, Error> {
        let mut found = Vec::with_capacity(ids.len());
        for ids in id_lists(ids) {
            found.extend(self.list(&format!("ids={ids}"), deadline).await?.page.items);
        }
        Ok(found)
    }

    async fn search(&self, query: &str, page: &Request, deadline: Instant) -> Result<Found<Metadata>, Error> {
        self.list(&format!("query={}&{}", encoded(query), paging(page)), deadline).await
    }
}

/// The rating service over REST.
#[derive(Clone, Debug)]
pub struct RatingBackend(Backend);

impl RatingBackend {
    /// Creates a gateway to `instances` for the current runtime.
    #[must_use]
    pub fn new(instances: &Instances, options: Options, tracer: Tracer) -> Self {
        Self(Backend::new(RATING, instances, options, tracer))
    }

    async fn list(
        &self,
        route: &'static str,
        path: &str,
        deadline: Instant,
    ) -> Result<Page<Aggregate>, Error> {
        self.0.read::<json::AggregateList, _>(route, path, deadline).await
    }
}

#[async_trait]
impl RatingGateway for RatingBackend {
    async fn get_aggregate(
        &self,
        record_type: &RecordType,
        id: &RecordId,
        deadline: Instant,
    ) -> Result<Option<Aggregate>, Error> {
        let path = format!("/v1/ratings/{record_type}/{}", encoded(id.as_str()));
        self.0.find::<json::Aggregate, _>("/v1/ratings/{type}/{id}", &path, deadline).await
    }

    async fn batch_get_aggregates(
        &self,
        record_type: &RecordType,
        ids: &[RecordId],
        deadline: Instant,
    ) -> Result<Vec<Aggregate>, Error> {
        let mut found = Vec::with_capacity(ids.len());
        for ids in id_lists(ids) {
            let path = format!("/v1/ratings/{record_type}?ids={ids}");
            found.extend(self.list("/v1/ratings/{type}", &path, deadline).await?.items);
        }
        Ok(found)
    }

    async fn list_top_rated(
        &self,
        record_type: &RecordType,
        min_count: MinCount,
        page: &Request,
        deadline: Instant,
    ) -> Result<Page<Aggregate>, Error> {
        let path = format!("/v1/top/{record_type}?minCount={}&{}", min_count.get(), paging(page));
        self.list("/v1/top/{type}", &path, deadline).await
    }
}
