//! Calls to one backend service over REST.

use super::failure::{self, CallFailure};
use super::traced;
use crate::gateway::propagation::propagate;
use crate::gateway::{Error, OPEN_TIMEOUT};
use bytes::Bytes;
use client::{Client, Instances, Mode, Options};
use discovery::Instance;
use fault::Invalid;
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use model::RecordId;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use trace::{Origin, Span, Tracer};

/// The maximum size of a response in bytes: a batch of 500 records with the longest descriptions is 9 MiB before JSON
/// escapes it.
const MAX_RESPONSE: usize = 64 * 1024 * 1024;

/// The maximum length of a list of ids: the services accept request lines up to 64 KiB.
const MAX_IDS: usize = 60 * 1024;

const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Percent-encodes `text` for a path or a query.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// Returns the values of the parameter `ids` for all of `ids`, each short enough for one request.
pub(super) fn id_lists(ids: &[RecordId]) -> Vec<String> {
    let mut lists: Vec<String> = Vec::new();
    for id in ids {
        let id = encoded(id.as_str());
        match lists.last_mut() {
            Some(list) if list.len() + 1 + id.len() <= MAX_IDS => {
                list.push(',');
                list.push_str(&id);
            }
            _ => lists.push(id),
        }
    }
    lists
}

type Http = Pool<HttpConnector, Empty<Bytes>>;

/// The maximum number of simultaneous calls from each worker to one instance, and of idle connections to it. As the pool
/// opens connections while others become idle, there are up to three times as many.
const MAX_CONNECTIONS: usize = 64;

/// The time after which an unused connection is closed.
const MAX_IDLE: Duration = Duration::from_secs(30);

/// The address of an instance and the connections to it.
#[derive(Clone)]
struct Target {
    authority: String,
    http: Http,
}

/// A path that all services have.
const HEALTH: &str = "/healthz";

/// Creates a pool whose first connection opens immediately, in the background, for a health check. Its result does not
/// matter: later calls will show it.
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
    tokio::spawn(timeout(
        OPEN_TIMEOUT,
        fetch(target.clone(), HEALTH.to_owned(), HeaderMap::new(), Origin::default()),
    ));
    target
}

/// One backend service.
#[derive(Clone, Debug)]
pub(super) struct Backend {
    name: &'static str,
    client: Client<Target>,
    tracer: Tracer,
}

impl Backend {
    pub(super) fn new(name: &'static str, instances: &Instances, options: Options, tracer: Tracer) -> Self {
        let options = Options { max_in_flight: MAX_CONNECTIONS, ..options };
        Self { name, client: Client::new(instances, connect, options), tracer }
    }

    /// Reads `path`, which is one of `route`, before `deadline`, from further instances if it must be retried, and converts the response. A
    /// response that breaks the model's rules is the service's failure.
    pub(super) async fn read<R, T>(
        &self,
        route: &'static str,
        path: &str,
        deadline: Instant,
    ) -> Result<T, Error>
    where
        R: DeserializeOwned + Send + 'static,
        T: TryFrom<R, Error = Invalid>,
    {
        let response = self.call(route, path, deadline).await;
        self.convert(response.map_err(|error| failure::gateway_error(self.name, error))?)
    }

    /// Like [`read`](Self::read). `None` if the service responds that the record does not exist.
    pub(super) async fn find<R, T>(
        &self,
        route: &'static str,
        path: &str,
        deadline: Instant,
    ) -> Result<Option<T>, Error>
    where
        R: DeserializeOwned + Send + 'static,
        T: TryFrom<R, Error = Invalid>,
    {
        match self.call(route, path, deadline).await {
            Ok(response) => self.convert(response).map(Some),
            Err(client::Error::Failed { cause: CallFailure::Absent, .. }) => Ok(None),
            Err(error) => Err(failure::gateway_error(self.name, error)),
        }
    }

    fn convert<R, T: TryFrom<R, Error = Invalid>>(&self, response: R) -> Result<T, Error> {
        T::try_from(response).map_err(|invalid| Error::failed(self.name, invalid))
    }

    async fn call<T>(
        &self,
        route: &'static str,
        path: &str,
        deadline: Instant,
    ) -> Result<T, client::Error<CallFailure>>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let call = |target: Target, attempt: &Span| {
            let mut headers = HeaderMap::new();
            propagate(&self.tracer, &mut headers);
            traced::describe(attempt, route, &target.authority, path);
            let attempt = attempt.origin();
            let fetched = fetch(target, path.to_owned(), headers, attempt.clone());
            async move {
                let result = fetched.await.and_then(|body| failure::decode(&body));
                result.inspect_err(|failure| traced::failed(&attempt, failure))
            }
        };
        self.client.call(deadline, Mode::Read, call).await
    }
}

async fn fetch(
    target: Target,
    path: String,
    headers: HeaderMap,
    attempt: Origin,
) -> Result<Bytes, CallFailure> {
    let uri: Uri = format!("http://{}{path}", target.authority).parse().map_err(CallFailure::Address)?;
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    let response = target.http.request(request).await.map_err(CallFailure::Connection)?;
    let status = response.status();
    traced::responded(&attempt, status);
    let body = Limited::new(response.into_body(), MAX_RESPONSE).collect().await.map_err(CallFailure::Body)?;
    match status {
        StatusCode::OK => Ok(body.to_bytes()),
        status => Err(CallFailure::of(status, &body.to_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longest_ids_of_full_batch_fit_into_request_lines() {
        let ids: Vec<RecordId> =
            (0..500).map(|n| RecordId::new(format!("{n:03}{}", "é".repeat(62))).unwrap()).collect();
        let lists = id_lists(&ids);
        assert!(lists.iter().all(|list| list.len() <= MAX_IDS));
        assert_eq!(lists.iter().map(|list| list.split(',').count()).sum::<usize>(), 500);
        assert!(lists.len() < 5, "{}", lists.len());
    }

    #[test]
    fn comma_within_id_is_escaped() {
        let ids = ["a,b", "c d/é"].map(|id| RecordId::new(id).unwrap());
        assert_eq!(id_lists(&ids), ["a%2Cb,c%20d%2F%C3%A9"]);
    }
}
