//! The services behind this one over REST: one pool of connections an instance, on each worker.

mod backend;

use super::{Error, METADATA, MetadataGateway, RATING, RatingGateway, all, understood};
use api::json;
use async_trait::async_trait;
use backend::{Backend, batches, encoded};
use client::{Instances, Options};
use model::page::{Page, Request};
use model::{Aggregate, Metadata, MinCount, Record, RecordId, RecordType};
use tokio::time::Instant;

/// The query parameters of `page`, to follow others.
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
    /// A gateway to `instances` for the present runtime.
    #[must_use]
    pub fn new(instances: &Instances, options: Options) -> Self {
        Self(Backend::new(METADATA, instances, options))
    }
}

#[async_trait]
impl MetadataGateway for MetadataBackend {
    async fn get(&self, id: &RecordId, deadline: Instant) -> Result<Option<Metadata>, Error> {
        let path = format!("/v1/metadata/{}", encoded(id.as_str()));
        let found: Option<json::Metadata> = self.0.find(&path, deadline).await?;
        found.map(|metadata| understood(METADATA, metadata.try_into())).transpose()
    }

    async fn batch_get(&self, ids: &[RecordId], deadline: Instant) -> Result<Vec<Metadata>, Error> {
        let mut found = Vec::with_capacity(ids.len());
        for batch in batches(ids) {
            let list: json::MetadataList =
                self.0.read(&format!("/v1/metadata?ids={batch}"), deadline).await?;
            found.extend(all::<_, Metadata>(METADATA, list.metadata)?);
        }
        Ok(found)
    }

    async fn search(&self, query: &str, page: &Request, deadline: Instant) -> Result<Page<Metadata>, Error> {
        let path = format!("/v1/metadata?query={}&{}", encoded(query), paging(page));
        let list: json::MetadataList = self.0.read(&path, deadline).await?;
        Ok(Page { items: all(METADATA, list.metadata)?, next: list.next_page_token })
    }
}

/// The rating service over REST.
#[derive(Clone, Debug)]
pub struct RatingBackend(Backend);

impl RatingBackend {
    /// A gateway to `instances` for the present runtime.
    #[must_use]
    pub fn new(instances: &Instances, options: Options) -> Self {
        Self(Backend::new(RATING, instances, options))
    }
}

#[async_trait]
impl RatingGateway for RatingBackend {
    async fn aggregate(&self, record: &Record, deadline: Instant) -> Result<Option<Aggregate>, Error> {
        let path = format!("/v1/ratings/{}/{}", record.record_type, encoded(record.record_id.as_str()));
        let found: Option<json::Aggregate> = self.0.find(&path, deadline).await?;
        found.map(|aggregate| understood(RATING, aggregate.try_into())).transpose()
    }

    async fn batch(
        &self,
        record_type: &RecordType,
        ids: &[RecordId],
        deadline: Instant,
    ) -> Result<Vec<Aggregate>, Error> {
        let mut found = Vec::with_capacity(ids.len());
        for batch in batches(ids) {
            let path = format!("/v1/ratings/{record_type}?ids={batch}");
            let list: json::AggregateList = self.0.read(&path, deadline).await?;
            found.extend(all::<_, Aggregate>(RATING, list.aggregates)?);
        }
        Ok(found)
    }

    async fn top(
        &self,
        record_type: &RecordType,
        min_count: MinCount,
        page: &Request,
        deadline: Instant,
    ) -> Result<Page<Aggregate>, Error> {
        let path = format!("/v1/top/{record_type}?minCount={}&{}", min_count.get(), paging(page));
        let list: json::AggregateList = self.0.read(&path, deadline).await?;
        Ok(Page { items: all(RATING, list.aggregates)?, next: list.next_page_token })
    }
}
