//! The backend services over gRPC: one channel to each instance, on each worker.

mod connection;
mod failure;
mod traced;

use super::{
    Error, METADATA, MetadataGateway, RATING, RatingGateway, propagation::propagate, rows::at_most_one,
};
use api::metadata::v1::metadata_service_client::MetadataServiceClient;
use api::metadata::v1::{BatchGetMetadataRequest, SearchMetadataRequest};
use api::rating::v1::rating_service_client::RatingServiceClient;
use api::rating::v1::{BatchGetAggregatedRatingsRequest, ListTopRatedRequest};
use async_trait::async_trait;
use client::{Client, Instances, Mode, Options};
use connection::Connection;
use failure::CallFailure;
use fault::Invalid;
use model::page::{Page, Request, Size};
use model::search::Found;
use model::{Aggregate, Metadata, MinCount, RecordId, RecordType};
use std::slice;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tonic::transport::Channel;
use tonic::{Response, Status};
use trace::Tracer;

/// The time by which an instance's deadline exceeds the client's, so that the client decides what silence means.
const MARGIN: Duration = Duration::from_millis(100);

/// The maximum size of a response in bytes: a batch of 500 records with the longest descriptions is 9 MiB.
const MAX_RESPONSE: usize = 16 * 1024 * 1024;

/// One backend service.
#[derive(Debug)]
struct Backend {
    name: &'static str,
    client: Client<Option<Arc<Connection>>>,
    try_timeout: Duration,
    tracer: Tracer,
}

impl Backend {
    fn new(name: &'static str, instances: &Instances, options: Options, tracer: Tracer) -> Self {
        let client = Client::new(instances, Connection::open, options);
        Self { name, client, try_timeout: options.try_timeout, tracer }
    }

    /// Calls `method`: sends `message` with `send` before `deadline`, to further instances if it must be retried, and converts the
    /// response. A response that breaks the model's rules is the service's failure.
    async fn call<M, R, T, F>(
        &self,
        method: &'static str,
        message: impl Fn() -> M,
        send: fn(Channel, tonic::Request<M>) -> F,
        deadline: Instant,
    ) -> Result<T, Error>
    where
        M: Send + 'static,
        F: Future<Output = Result<Response<R>, Status>> + Send + 'static,
        T: TryFrom<R, Error = Invalid>,
    {
        let response = self.client.call(deadline, Mode::Read, |connection, attempt| {
            let mut request = tonic::Request::new(message());
            // However little time the caller has left, the instance gets that of one try, to show whether it is healthy.
            let left = deadline.saturating_duration_since(Instant::now());
            request.set_timeout(left.max(self.try_timeout) + MARGIN);
            propagate(&self.tracer, request.metadata_mut().as_mut());
            traced::describe(attempt, method);
            let attempt = attempt.origin();
            async move {
                let connection = connection.ok_or_else(CallFailure::unusable_address)?;
                let call = connection.call();
                let result = send(call.channel(), request).await;
                traced::ended(&attempt, result.as_ref().err());
                match result {
                    Ok(response) => {
                        call.end();
                        Ok(response.into_inner())
                    }
                    Err(status) => Err(CallFailure::of(call, status)),
                }
            }
        });
        let response = response.await.map_err(|error| failure::gateway_error(self.name, error))?;
        T::try_from(response).map_err(|invalid| Error::failed(self.name, invalid))
    }
}

fn texts(ids: &[RecordId]) -> Vec<String> {
    ids.iter().map(|id| id.as_str().to_owned()).collect()
}

fn page_size(page: &Request) -> i32 {
    i32::try_from(page.size.get()).unwrap_or(i32::MAX)
}

/// Returns the number of rows that `found` lacks of the requested `page`, or `None` if it is full.
fn missing<T>(page: &Request, found: &Page<T>) -> Option<Size> {
    let missing = page.size.get().checked_sub(found.items.len())?;
    Size::new(i64::try_from(missing).ok()?).ok()
}

/// The metadata service over gRPC.
#[derive(Debug)]
pub struct MetadataBackend(Backend);

impl MetadataBackend {
    /// Creates a gateway to `instances` for the current runtime.
    #[must_use]
    pub fn new(instances: &Instances, options: Options, tracer: Tracer) -> Self {
        Self(Backend::new(METADATA, instances, options, tracer))
    }

    fn client(channel: Channel) -> MetadataServiceClient<Channel> {
        MetadataServiceClient::new(channel).max_decoding_message_size(MAX_RESPONSE)
    }

    async fn search_page(
        &self,
        query: &str,
        page: &Request,
        deadline: Instant,
    ) -> Result<Found<Metadata>, Error> {
        let message = || SearchMetadataRequest {
            page_size: page_size(page),
            page_token: page.token.clone().unwrap_or_default(),
            query: query.into(),
        };
        let send = |channel, request| async move { Self::client(channel).search_metadata(request).await };
        self.0.call("metadata.v1.MetadataService/SearchMetadata", message, send, deadline).await
    }
}

#[async_trait]
impl MetadataGateway for MetadataBackend {
    async fn get(&self, id: &RecordId, deadline: Instant) -> Result<Option<Metadata>, Error> {
        let rows = self.batch_get(slice::from_ref(id), deadline).await?;
        at_most_one(rows).map_err(|unexpected| unexpected.by(METADATA))
    }

    async fn batch_get(&self, ids: &[RecordId], deadline: Instant) -> Result<Vec<Metadata>, Error> {
        let message = || BatchGetMetadataRequest { ids: texts(ids) };
        let send = |channel, request| async move { Self::client(channel).batch_get_metadata(request).await };
        self.0.call("metadata.v1.MetadataService/BatchGetMetadata", message, send, deadline).await
    }

    /// A page of large records ends early over gRPC, so that further pages are read until this one is full.
    async fn search(&self, query: &str, page: &Request, deadline: Instant) -> Result<Found<Metadata>, Error> {
        let Found { page: mut found, corrected } = self.search_page(query, page, deadline).await?;
        while let (Some(token), Some(size)) = (&found.next, missing(page, &found)) {
            let next = Request { size, token: Some(token.clone()) };
            let next = self.search_page(query, &next, deadline).await?.page;
            if next.items.is_empty() {
                break;
            }
            for row in next.items {
                // A row that moved in the meantime is on both pages.
                if found.items.iter().all(|known| known.id != row.id) {
                    found.items.push(row);
                }
            }
            found.next = next.next;
        }
        Ok(Found { page: found, corrected })
    }
}

/// The rating service over gRPC.
#[derive(Debug)]
pub struct RatingBackend(Backend);

impl RatingBackend {
    /// Creates a gateway to `instances` for the current runtime.
    #[must_use]
    pub fn new(instances: &Instances, options: Options, tracer: Tracer) -> Self {
        Self(Backend::new(RATING, instances, options, tracer))
    }

    fn client(channel: Channel) -> RatingServiceClient<Channel> {
        RatingServiceClient::new(channel).max_decoding_message_size(MAX_RESPONSE)
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
        let rows = self.batch_get_aggregates(record_type, slice::from_ref(id), deadline).await?;
        at_most_one(rows).map_err(|unexpected| unexpected.by(RATING))
    }

    async fn batch_get_aggregates(
        &self,
        record_type: &RecordType,
        ids: &[RecordId],
        deadline: Instant,
    ) -> Result<Vec<Aggregate>, Error> {
        let message = || BatchGetAggregatedRatingsRequest {
            record_type: record_type.as_str().into(),
            record_ids: texts(ids),
        };
        let send = |channel, request| async move {
            Self::client(channel).batch_get_aggregated_ratings(request).await
        };
        self.0.call("rating.v1.RatingService/BatchGetAggregatedRatings", message, send, deadline).await
    }

    async fn list_top_rated(
        &self,
        record_type: &RecordType,
        min_count: MinCount,
        page: &Request,
        deadline: Instant,
    ) -> Result<Page<Aggregate>, Error> {
        let message = || ListTopRatedRequest {
            record_type: record_type.as_str().into(),
            min_count: i64::try_from(min_count.get()).unwrap_or(i64::MAX),
            page_size: page_size(page),
            page_token: page.token.clone().unwrap_or_default(),
        };
        let send = |channel, request| async move { Self::client(channel).list_top_rated(request).await };
        self.0.call("rating.v1.RatingService/ListTopRated", message, send, deadline).await
    }
}
