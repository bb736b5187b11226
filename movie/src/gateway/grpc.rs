//! The services behind this one over gRPC: one channel an instance, on each worker.

mod failure;

use super::{Error, METADATA, MetadataGateway, OPEN_TIMEOUT, RATING, RatingGateway, all, understood};
use api::metadata::v1::metadata_service_client::MetadataServiceClient;
use api::metadata::v1::{BatchGetMetadataRequest, GetMetadataRequest, SearchMetadataRequest};
use api::rating::v1::rating_service_client::RatingServiceClient;
use api::rating::v1::{BatchGetAggregatedRatingsRequest, GetAggregatedRatingRequest, ListTopRatedRequest};
use async_trait::async_trait;
use client::{Client, Instances, Mode, Options};
use discovery::Instance;
use failure::CallFailure;
use fault::Invalid;
use model::page::{Page, Request};
use model::{Aggregate, Metadata, MinCount, Record, RecordId, RecordType};
use std::time::Duration;
use tokio::time::{Instant, timeout};
use tonic::Code;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// A batch of 500 records with the longest descriptions is 9 MiB.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// A channel that connects at once, in the background, and whenever it is called without a connection. `None`
/// where the registry gave an address that is none.
fn connect(instance: &Instance) -> Option<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{}", instance.authority())).ok()?;
    let channel = endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .connect_lazy();
    tokio::spawn(open(channel.clone()));
    Some(channel)
}

/// Has `channel` connect before it is needed: tonic's does so for its first call, and asking for its
/// instance's health is the cheapest. Whatever comes of it, calls will tell.
async fn open(channel: Channel) {
    let health = async { HealthClient::new(channel).check(HealthCheckRequest::default()).await };
    let _ = timeout(OPEN_TIMEOUT, health).await;
}

/// One backend service, called over gRPC.
#[derive(Clone, Debug)]
struct Backend {
    name: &'static str,
    client: Client<Option<Channel>>,
}

impl Backend {
    fn new(name: &'static str, instances: &Instances, options: Options) -> Self {
        Self { name, client: Client::new(instances, connect, options) }
    }

    /// Reads once, or again elsewhere, before `deadline`.
    async fn read<M, T, F, Fut>(&self, message: M, deadline: Instant, call: F) -> Result<T, Error>
    where
        M: Clone,
        F: Fn(Channel, tonic::Request<M>) -> Fut,
        Fut: Future<Output = Result<tonic::Response<T>, tonic::Status>>,
    {
        let answer = self.client.call(deadline, Mode::Read, |channel| {
            let mut request = tonic::Request::new(message.clone());
            request.set_timeout(deadline.saturating_duration_since(Instant::now()));
            let answer = channel.map(|channel| call(channel, request));
            async move {
                match answer {
                    Some(answer) => answer.await.map(tonic::Response::into_inner).map_err(CallFailure::new),
                    None => Err(CallFailure::unusable_address()),
                }
            }
        });
        answer.await.map_err(|error| failure::gateway_error(self.name, error))
    }
}

/// A failure, or `None` where it says that there is nothing.
fn absent<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(Error::Failed { source, .. })
            if source
                .downcast_ref::<tonic::Status>()
                .is_some_and(|status| status.code() == Code::NotFound) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn asked_size(page: &Request) -> i32 {
    i32::try_from(page.size.get()).unwrap_or(i32::MAX)
}

fn token(text: String) -> Option<String> {
    Some(text).filter(|token| !token.is_empty())
}

/// The metadata service over gRPC.
#[derive(Clone, Debug)]
pub struct MetadataBackend(Backend);

impl MetadataBackend {
    /// A gateway to `instances` for the present runtime.
    #[must_use]
    pub fn new(instances: &Instances, options: Options) -> Self {
        Self(Backend::new(METADATA, instances, options))
    }
}

fn metadata_client(channel: Channel) -> MetadataServiceClient<Channel> {
    MetadataServiceClient::new(channel).max_decoding_message_size(MAX_ANSWER)
}

#[async_trait]
impl MetadataGateway for MetadataBackend {
    async fn get(&self, id: &RecordId, deadline: Instant) -> Result<Option<Metadata>, Error> {
        let message = GetMetadataRequest { movie_id: id.as_str().into() };
        let answer = self.0.read(message, deadline, |channel, request| async move {
            metadata_client(channel).get_metadata(request).await
        });
        let Some(answer) = absent(answer.await)? else { return Ok(None) };
        let metadata = answer.metadata.ok_or_else(|| Invalid::field("metadata", "is missing in the answer"));
        understood(METADATA, metadata.and_then(Metadata::try_from)).map(Some)
    }

    async fn batch_get(&self, ids: &[RecordId], deadline: Instant) -> Result<Vec<Metadata>, Error> {
        let message = BatchGetMetadataRequest { ids: ids.iter().map(ToString::to_string).collect() };
        let answer = self.0.read(message, deadline, |channel, request| async move {
            metadata_client(channel).batch_get_metadata(request).await
        });
        all(METADATA, answer.await?.metadata)
    }

    async fn search(&self, query: &str, page: &Request, deadline: Instant) -> Result<Page<Metadata>, Error> {
        let message = SearchMetadataRequest {
            page_size: asked_size(page),
            page_token: page.token.clone().unwrap_or_default(),
            query: query.into(),
        };
        let answer = self.0.read(message, deadline, |channel, request| async move {
            metadata_client(channel).search_metadata(request).await
        });
        let answer = answer.await?;
        let items = all(METADATA, answer.metadata)?;
        Ok(Page { items, next: token(answer.next_page_token) })
    }
}

/// The rating service over gRPC.
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
        let message = GetAggregatedRatingRequest {
            record_id: record.record_id.as_str().into(),
            record_type: record.record_type.as_str().into(),
        };
        let answer = self.0.read(message, deadline, |channel, request| async move {
            RatingServiceClient::new(channel).get_aggregated_rating(request).await
        });
        let Some(answer) = absent(answer.await)? else { return Ok(None) };
        let aggregate =
            answer.aggregate.ok_or_else(|| Invalid::field("aggregate", "is missing in the answer"));
        understood(RATING, aggregate.and_then(Aggregate::try_from)).map(Some)
    }

    async fn batch(
        &self,
        record_type: &RecordType,
        ids: &[RecordId],
        deadline: Instant,
    ) -> Result<Vec<Aggregate>, Error> {
        let message = BatchGetAggregatedRatingsRequest {
            record_type: record_type.as_str().into(),
            record_ids: ids.iter().map(ToString::to_string).collect(),
        };
        let answer = self.0.read(message, deadline, |channel, request| async move {
            RatingServiceClient::new(channel).batch_get_aggregated_ratings(request).await
        });
        all(RATING, answer.await?.aggregates)
    }

    async fn top(
        &self,
        record_type: &RecordType,
        min_count: MinCount,
        page: &Request,
        deadline: Instant,
    ) -> Result<Page<Aggregate>, Error> {
        let message = ListTopRatedRequest {
            record_type: record_type.as_str().into(),
            min_count: i64::try_from(min_count.get()).unwrap_or(i64::MAX),
            page_size: asked_size(page),
            page_token: page.token.clone().unwrap_or_default(),
        };
        let answer = self.0.read(message, deadline, |channel, request| async move {
            RatingServiceClient::new(channel).list_top_rated(request).await
        });
        let answer = answer.await?;
        let items = all(RATING, answer.aggregates)?;
        Ok(Page { items, next: token(answer.next_page_token) })
    }
}
