//! A caller of the movie service.

use super::request::Request;
use anyhow::Context;
use api::movie::v1::GetMovieDetailsRequest;
use api::movie::v1::movie_service_client::MovieServiceClient;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::time::Duration;
use tokio::time::timeout;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

/// The time limit of a response: longer than the movie service may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a connection without requests is kept; shorter than any service keeps it.
const IDLE: Duration = Duration::from_secs(5);

/// Connections to one movie service. Clones share them.
#[derive(Clone)]
pub(super) struct Client {
    base: String,
    rest: legacy::Client<HttpConnector, Empty<Bytes>>,
    grpc: MovieServiceClient<Channel>,
}

impl Client {
    /// Creates a client, which connects at its first requests.
    ///
    /// # Errors
    ///
    /// If `authority` is not valid.
    pub(super) fn new(authority: &str) -> anyhow::Result<Self> {
        let base = format!("http://{authority}");
        let channel =
            Endpoint::from_shared(base.clone()).context("the movie service's address is invalid")?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        // Nothing is sent twice: each failure is one that a simple caller would see.
        let rest = legacy::Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .retry_canceled_requests(false)
            .build(connector);
        Ok(Self { base, rest, grpc: MovieServiceClient::new(channel.connect_lazy()) })
    }

    /// Sends `request` and reads the response.
    ///
    /// # Errors
    ///
    /// A text if there is no response within five seconds, or it reports a failure of the service.
    pub(super) async fn send(&self, request: &Request) -> Result<(), String> {
        let responded = async {
            match request {
                Request::Rest(path) => self.get(path).await,
                Request::Grpc(id) => self.details(id).await,
            }
        };
        let late = |_| Err(format!("no response within {} s", PATIENCE.as_secs()));
        let responded = timeout(PATIENCE, responded).await.unwrap_or_else(late);
        responded.map_err(|failure| match request {
            Request::Rest(path) => format!("GET {path}: {failure}"),
            Request::Grpc(id) => format!("GetMovieDetails {id}: {failure}"),
        })
    }

    async fn get(&self, path: &str) -> Result<(), String> {
        let uri = format!("{}{path}", self.base).parse().map_err(|error| format!("{error}"))?;
        let response = self.rest.get(uri).await.map_err(|error| service::chain(&error))?;
        let status = response.status();
        // A response is complete once its body is.
        response.into_body().collect().await.map_err(|error| service::chain(&error))?;
        if status.is_server_error() { Err(format!("status {status}")) } else { Ok(()) }
    }

    async fn details(&self, id: &str) -> Result<(), String> {
        let request = GetMovieDetailsRequest { movie_id: id.to_owned() };
        let mut client = self.grpc.clone();
        match client.get_movie_details(request).await {
            Ok(_) => Ok(()),
            Err(status) if is_failure(status.code()) => {
                Err(format!("{:?}: {}", status.code(), status.message()))
            }
            Err(_) => Ok(()),
        }
    }
}

/// Returns true if a status means that the service, not the caller, is at fault.
const fn is_failure(code: Code) -> bool {
    matches!(
        code,
        Code::Unavailable
            | Code::Internal
            | Code::DeadlineExceeded
            | Code::Unknown
            | Code::DataLoss
            | Code::Cancelled
    )
}
