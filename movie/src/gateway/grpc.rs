//! The services behind this one over gRPC: one channel to each instance, on each worker.

mod connection;
mod failure;
mod nouns;

pub use nouns::Known;

use super::{Error, METADATA, MetadataGateway, RATING, RatingGateway, rows::at_most_one};
use api::metadata::v1::{BatchGetMetadataRequest, SearchMetadataRequest};
use api::rating::v1::{BatchGetAggregatedRatingsRequest, ListTopRatedRequest};
use api::rows::{Row, Rows};
use async_trait::async_trait;
use cache::Shared;
use client::{Client, Instances, Mode, Options};
use connection::Connection;
use failure::CallFailure;
use http::uri::PathAndQuery;
use model::page::{Page, Request};
use model::{Aggregate, Metadata, MinCount, RecordId, RecordType};
use nouns::Nouns;
use prost::Message;
use std::slice;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Response, Status};
use tonic_prost::ProstCodec;

/// How much later than the client the instance gives up, so that it is the client that decides what silence means.
const MARGIN: Duration = Duration::from_millis(100);

/// A batch of 500 records with the longest descriptions is 9 MiB.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// One backend service, called over gRPC for lists of `T`.
#[derive(Debug)]
struct Backend<T> {
    name: &'static str,
    client: Client<Option<Arc<Connection>>>,
    try_timeout: Duration,
    nouns: Arc<Nouns<T>>,
}

impl<T: Row> Backend<T> {
    fn new(name: &'static str, instances: &Instances, options: Options, nouns: &Arc<Nouns<T>>) -> Self {
        let client = Client::new(instances, Connection::open, options);
        Self { name, client, try_timeout: options.try_timeout, nouns: nouns.clone() }
    }

    /// Calls `method` for the list that `message` describes, once, or again elsewhere, before `deadline`.
    async fn list<M: Message + 'static>(
        &self,
        method: &'static str,
        message: impl Fn() -> M,
        deadline: Instant,
    ) -> Result<Page<Shared<T>>, Error> {
        let answer = self.client.call(deadline, Mode::Read, |connection| {
            let mut request = tonic::Request::new(message());
            // However little time the caller has left, the instance gets that of one try, to show whether it is well.
            let left = deadline.saturating_duration_since(Instant::now());
            request.set_timeout(left.max(self.try_timeout) + MARGIN);
            async move {
                let connection = connection.ok_or_else(CallFailure::unusable_address)?;
                let call = connection.call();
                match rows(call.channel(), method, request).await {
                    Ok(answer) => {
                        call.end();
                        Ok(answer.into_inner())
                    }
                    Err(status) => Err(CallFailure::of(call, status)),
                }
            }
        });
        let answer = answer.await.map_err(|error| failure::gateway_error(self.name, error))?;
        let next = Some(answer.next_page_token).filter(|token| !token.is_empty());
        Ok(Page { items: self.nouns.all(&answer.rows)?, next })
    }
}

/// Calls `method` as a generated client does, but leaves the response's rows encoded.
async fn rows<M: Message + 'static>(
    channel: Channel,
    method: &'static str,
    request: tonic::Request<M>,
) -> Result<Response<Rows>, Status> {
    let mut client = Grpc::new(channel).max_decoding_message_size(MAX_ANSWER);
    let ready = client.ready().await;
    ready.map_err(|error| Status::unknown(format!("the channel is not ready: {error}")))?;
    client.unary(request, PathAndQuery::from_static(method), ProstCodec::default()).await
}

fn texts(ids: &[RecordId]) -> Vec<String> {
    ids.iter().map(|id| id.as_str().to_owned()).collect()
}

fn asked_size(page: &Request) -> i32 {
    i32::try_from(page.size.get()).unwrap_or(i32::MAX)
}

/// The metadata service over gRPC.
#[derive(Debug)]
pub struct MetadataBackend(Backend<Metadata>);

impl MetadataBackend {
    /// A gateway to `instances` for the present runtime.
    #[must_use]
    pub fn new(instances: &Instances, options: Options, known: &Known) -> Self {
        Self(Backend::new(METADATA, instances, options, &known.metadata))
    }
}

#[async_trait]
impl MetadataGateway for MetadataBackend {
    async fn get(&self, id: &RecordId, deadline: Instant) -> Result<Option<Shared<Metadata>>, Error> {
        let rows = self.batch_get(slice::from_ref(id), deadline).await?;
        at_most_one(rows).map_err(|unexpected| unexpected.by(METADATA))
    }

    async fn batch_get(&self, ids: &[RecordId], deadline: Instant) -> Result<Vec<Shared<Metadata>>, Error> {
        let message = || BatchGetMetadataRequest { ids: texts(ids) };
        let list = self.0.list("/metadata.v1.MetadataService/BatchGetMetadata", message, deadline);
        Ok(list.await?.items)
    }

    async fn search(
        &self,
        query: &str,
        page: &Request,
        deadline: Instant,
    ) -> Result<Page<Shared<Metadata>>, Error> {
        let message = || SearchMetadataRequest {
            page_size: asked_size(page),
            page_token: page.token.clone().unwrap_or_default(),
            query: query.into(),
        };
        self.0.list("/metadata.v1.MetadataService/SearchMetadata", message, deadline).await
    }
}

/// The rating service over gRPC.
#[derive(Debug)]
pub struct RatingBackend(Backend<Aggregate>);

impl RatingBackend {
    /// A gateway to `instances` for the present runtime.
    #[must_use]
    pub fn new(instances: &Instances, options: Options, known: &Known) -> Self {
        Self(Backend::new(RATING, instances, options, &known.aggregates))
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
        let rows = self.batch(record_type, slice::from_ref(id), deadline).await?;
        at_most_one(rows).map_err(|unexpected| unexpected.by(RATING))
    }

    async fn batch(
        &self,
        record_type: &RecordType,
        ids: &[RecordId],
        deadline: Instant,
    ) -> Result<Vec<Shared<Aggregate>>, Error> {
        let message = || BatchGetAggregatedRatingsRequest {
            record_type: record_type.as_str().into(),
            record_ids: texts(ids),
        };
        let list = self.0.list("/rating.v1.RatingService/BatchGetAggregatedRatings", message, deadline);
        Ok(list.await?.items)
    }

    async fn top(
        &self,
        record_type: &RecordType,
        min_count: MinCount,
        page: &Request,
        deadline: Instant,
    ) -> Result<Page<Shared<Aggregate>>, Error> {
        let message = || ListTopRatedRequest {
            record_type: record_type.as_str().into(),
            min_count: i64::try_from(min_count.get()).unwrap_or(i64::MAX),
            page_size: asked_size(page),
            page_token: page.token.clone().unwrap_or_default(),
        };
        self.0.list("/rating.v1.RatingService/ListTopRated", message, deadline).await
    }
}
