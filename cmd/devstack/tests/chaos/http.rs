//! A small HTTP client for complete JSON responses.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;

/// How long a connection without requests is kept: a service closes it after 10 s, and a request that
/// races with the close would look like a failure of the service.
const IDLE: Duration = Duration::from_secs(5);

/// The response time-out: longer than any service may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A pool of connections.
pub(crate) type Client = legacy::Client<HttpConnector, Full<Bytes>>;

/// Why there is no response.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Creates a pool that never resends a request.
pub(crate) fn client() -> Client {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    legacy::Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE)
        .retry_canceled_requests(false)
        .build(connector)
}

/// Returns status and body of a GET; a body that is not JSON is null.
pub(crate) async fn get(client: &Client, authority: &str, path: &str) -> Result<(u16, Value), Failure> {
    send(client, Request::get(format!("http://{authority}{path}")).body(Full::default())?).await
}

/// Returns status and body of a PUT or POST of `body`.
pub(crate) async fn write(
    client: &Client,
    method: &str,
    authority: &str,
    path: &str,
    body: &Value,
) -> Result<(u16, Value), Failure> {
    let request = Request::builder()
        .method(method)
        .uri(format!("http://{authority}{path}"))
        .header("content-type", "application/json")
        .body(body.to_string().into())?;
    send(client, request).await
}

async fn send(client: &Client, request: Request<Full<Bytes>>) -> Result<(u16, Value), Failure> {
    let answer = async {
        let (head, body) = client.request(request).await?.into_parts();
        Ok((head.status.as_u16(), body.collect().await?.to_bytes()))
    };
    let (status, body) =
        timeout(PATIENCE, answer).await.map_err(|_| "no answer")?.map_err(|error: Failure| chain(&*error))?;
    Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
}

fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |error| error.source())
        .fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
