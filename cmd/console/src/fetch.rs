//! HTTP requests to instances, bounded in time and in the size of the response.

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::time::Duration;

/// How long a connection is kept open without a request.
const IDLE: Duration = Duration::from_secs(30);

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The address or the path is not valid.
    #[error("the request is not valid")]
    Invalid(#[from] http::Error),
    /// No connection, or it broke.
    #[error("the instance does not respond: {0}")]
    Unreachable(String),
    /// The time is over.
    #[error("no response within {} ms", .0.as_millis())]
    Late(Duration),
    /// The response is too large.
    #[error("the response is larger than {0} bytes")]
    TooLarge(usize),
}

/// A client of all instances. It follows no redirect and uses no proxy.
#[derive(Clone, Debug)]
pub(crate) struct Fetcher {
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Fetcher {
    /// Creates a client without connections.
    pub(crate) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_idle_timeout(IDLE).pool_timer(TokioTimer::new()).pool_max_idle_per_host(4);
        Self { client: builder.build(connector) }
    }

    /// Sends a GET of `path` to the instance at `authority`. It is part of a trace that is not sampled: observing must
    /// not fill the list of traces.
    pub(crate) async fn get(
        &self,
        authority: &str,
        path: &str,
        within: Duration,
        limit: usize,
    ) -> Result<(StatusCode, Bytes), Error> {
        let (trace, span) = (rand::random::<u128>() | 1, rand::random::<u64>() | 1);
        let request = Request::get(format!("http://{authority}{path}"))
            .header(header::ACCEPT, "text/plain;version=0.0.4, application/json, */*;q=0.5")
            .header("traceparent", format!("00-{trace:032x}-{span:016x}-00"));
        let (parts, body) = self.send(request.body(Full::default())?, within, limit).await?.into_parts();
        Ok((parts.status, body))
    }

    /// Sends a request. The response must end within `within` and have at most `limit` bytes.
    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
        within: Duration,
        limit: usize,
    ) -> Result<Response<Bytes>, Error> {
        let response = async {
            let response = self.client.request(request).await;
            let response = response.map_err(|error| Error::Unreachable(service::chain(&error)))?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, limit).collect().await.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    Error::TooLarge(limit)
                } else {
                    Error::Unreachable(service::chain(&*error))
                }
            })?;
            Ok(Response::from_parts(parts, body.to_bytes()))
        };
        tokio::time::timeout(within, response).await.unwrap_or(Err(Error::Late(within)))
    }
}

/// Returns the headers as pairs of text, those of the same name joined.
pub(crate) fn texts(headers: &HeaderMap) -> std::collections::BTreeMap<String, String> {
    let mut texts = std::collections::BTreeMap::<String, String>::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        texts
            .entry(name.to_string())
            .and_modify(|known| {
                known.push_str(", ");
                known.push_str(&value);
            })
            .or_insert_with(|| value.to_string());
    }
    texts
}
