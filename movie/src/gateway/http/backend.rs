//! One backend service, called over REST.

use super::failure::{self, CallFailure};
use crate::gateway::{Error, OPEN_TIMEOUT};
use bytes::Bytes;
use client::{Client, Instances, Mode, Options};
use discovery::Instance;
use http::{StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use model::RecordId;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// A batch of 500 records with the longest descriptions is 9 MiB before JSON escapes it.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// The services take request lines to 64 KiB.
const MAX_IDS: usize = 60 * 1024;

const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// `text` as it may stand in a path or a query.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// The values of `ids=` that ask for all of `ids` in requests that are not too long.
pub(super) fn batches(ids: &[RecordId]) -> Vec<String> {
    let mut batches: Vec<String> = Vec::new();
    for id in ids {
        let id = encoded(id.as_str());
        match batches.last_mut() {
            Some(batch) if batch.len() + 1 + id.len() <= MAX_IDS => {
                batch.push(',');
                batch.push_str(&id);
            }
            _ => batches.push(id),
        }
    }
    batches
}

type Http = Pool<HttpConnector, Empty<Bytes>>;

/// How many calls one instance has at once from each worker, and how many idle connections are kept to it. With those
/// that the pool opens while another becomes idle, there are at most three times as many connections.
const MAX_CONNECTIONS: usize = 64;

/// How long an unused connection is kept.
const MAX_IDLE: Duration = Duration::from_secs(30);

/// An instance's address, and the connections to it.
#[derive(Clone)]
struct Target {
    authority: String,
    http: Http,
}

/// The path that every instance has, whatever its service.
const HEALTH: &str = "/healthz";

/// Creates a pool whose first connection opens at once, in the background, for a request of the instance's health. The
/// result does not matter, later calls will find out.
fn connect(instance: &Instance) -> Target {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let http = Pool::builder(TokioExecutor::new())
        .pool_max_idle_per_host(MAX_CONNECTIONS)
        .pool_idle_timeout(MAX_IDLE)
        .pool_timer(TokioTimer::new())
        .build(connector);
    let target = Target { authority: instance.authority(), http };
    tokio::spawn(timeout(OPEN_TIMEOUT, fetch(target.clone(), HEALTH.to_owned())));
    target
}

/// One service, called over REST.
#[derive(Clone, Debug)]
pub(super) struct Backend {
    name: &'static str,
    client: Client<Target>,
}

impl Backend {
    pub(super) fn new(name: &'static str, instances: &Instances, options: Options) -> Self {
        let options = Options { max_in_flight: MAX_CONNECTIONS, ..options };
        Self { name, client: Client::new(instances, connect, options) }
    }

    /// Reads `path` once, or again elsewhere, before `deadline`.
    pub(super) async fn read<T>(&self, path: &str, deadline: Instant) -> Result<T, Error>
    where
        T: DeserializeOwned + Send + 'static,
    {
        self.call(path, deadline).await.map_err(|error| failure::gateway_error(self.name, error))
    }

    /// Reads `path` likewise. `None` if the service responds that the record does not exist.
    pub(super) async fn find<T>(&self, path: &str, deadline: Instant) -> Result<Option<T>, Error>
    where
        T: DeserializeOwned + Send + 'static,
    {
        match self.call(path, deadline).await {
            Ok(found) => Ok(Some(found)),
            Err(client::Error::Failed { cause: CallFailure::Absent, .. }) => Ok(None),
            Err(error) => Err(failure::gateway_error(self.name, error)),
        }
    }

    async fn call<T>(&self, path: &str, deadline: Instant) -> Result<T, client::Error<CallFailure>>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let call = |target| {
            let fetched = fetch(target, path.to_owned());
            async move { failure::decode(&fetched.await?) }
        };
        self.client.call(deadline, Mode::Read, call).await
    }
}

async fn fetch(target: Target, path: String) -> Result<Bytes, CallFailure> {
    let uri: Uri = format!("http://{}{path}", target.authority).parse().map_err(CallFailure::Address)?;
    let answer = target.http.get(uri).await.map_err(CallFailure::Connection)?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await.map_err(CallFailure::Body)?;
    match status {
        StatusCode::OK => Ok(body.to_bytes()),
        status => Err(CallFailure::of(status, &body.to_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_hundred_of_the_longest_ids_fit_into_request_lines() {
        let ids: Vec<RecordId> =
            (0..500).map(|n| RecordId::new(format!("{n:03}{}", "é".repeat(62))).unwrap()).collect();
        let batches = batches(&ids);
        assert!(batches.iter().all(|batch| batch.len() <= MAX_IDS));
        assert_eq!(batches.iter().map(|batch| batch.split(',').count()).sum::<usize>(), 500);
        assert!(batches.len() < 5, "{}", batches.len());
    }

    #[test]
    fn an_ids_own_comma_is_escaped() {
        let ids = ["a,b", "c d/é"].map(|id| RecordId::new(id).unwrap());
        assert_eq!(batches(&ids), ["a%2Cb,c%20d%2F%C3%A9"]);
    }
}
