//! The services behind this one over REST: one pool of connections to each instance, on each worker.

mod backend;
mod failure;

use super::{Error, METADATA, MetadataGateway, RATING, RatingGateway};
use api::json;
use async_trait::async_trait;
use backend::{Backend, batches, encoded};
use cache::Shared;
use client::{Instances, Options};
use fault::Invalid;
use model::page::{Page, Request};
use model::{Aggregate, Metadata, MinCount, RecordId, RecordType};
use tokio::time::Instant;

/// What a row of an answer of `service` says; one that breaks the model's rules is the service's failure.
fn noun<T, U: TryFrom<T, Error = Invalid>>(service: &'static str, row: T) -> Result<Shared<U>, Error> {
    U::try_from(row).map(Shared::from).map_err(|invalid| Error::failed(service, invalid))
}

/// What all rows of an answer say.
fn nouns<T, U>(service: &'static str, rows: Vec<T>) -> Result<Vec<Shared<U>>, Error>
where
    U: TryFrom<T, Error = Invalid>,
{
    rows.into_iter().map(|row| noun(service, row)).collect()
}

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
    async fn get(&self, id: &RecordId, deadline: Instant) -> Result<Option<Shared<Metadata>>, Error> {
        let path = format!("/v1/metadata/{}", encoded(id.as_str()));
        let found: Option<json::Metadata> = self.0.find(&path, deadline).await?;
        found.map(|metadata| noun(METADATA, metadata)).transpose()
    }

    async fn batch_get(&self, ids: &[RecordId], deadline: Instant) -> Result<Vec<Shared<Metadata>>, Error> {
        let mut found = Vec::with_capacity(ids.len());
        for batch in batches(ids) {
            let list: json::MetadataList =
                self.0.read(&format!("/v1/metadata?ids={batch}"), deadline).await?;
            found.extend(nouns(METADATA, list.metadata)?);
        }
        Ok(found)
    }

    async fn search(
        &self,
        query: &str,
        page: &Request,
        deadline: Instant,
    ) -> Result<Page<Shared<Metadata>>, Error> {
        let path = format!("/v1/metadata?query={}&{}", encoded(query), paging(page));
        let list: json::MetadataList = self.0.read(&path, deadline).await?;
        Ok(Page { items: nouns(METADATA, list.metadata)?, next: list.next_page_token })
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
    async fn aggregate(
        &self,
        record_type: &RecordType,
        id: &RecordId,
        deadline: Instant,
    ) -> Result<Option<Shared<Aggregate>>, Error> {
        let path = format!("/v1/ratings/{record_type}/{}", encoded(id.as_str()));
        let found: Option<json::Aggregate> = self.0.find(&path, deadline).await?;
        found.map(|aggregate| noun(RATING, aggregate)).transpose()
    }

    async fn batch(
        &self,
        record_type: &RecordType,
        ids: &[RecordId],
        deadline: Instant,
    ) -> Result<Vec<Shared<Aggregate>>, Error> {
        let mut found = Vec::with_capacity(ids.len());
        for batch in batches(ids) {
            let path = format!("/v1/ratings/{record_type}?ids={batch}");
            let list: json::AggregateList = self.0.read(&path, deadline).await?;
            found.extend(nouns(RATING, list.aggregates)?);
        }
        Ok(found)
    }

    async fn top(
        &self,
        record_type: &RecordType,
        min_count: MinCount,
        page: &Request,
        deadline: Instant,
    ) -> Result<Page<Shared<Aggregate>>, Error> {
        let path = format!("/v1/top/{record_type}?minCount={}&{}", min_count.get(), paging(page));
        let list: json::AggregateList = self.0.read(&path, deadline).await?;
        Ok(Page { items: nouns(RATING, list.aggregates)?, next: list.next_page_token })
    }
}
