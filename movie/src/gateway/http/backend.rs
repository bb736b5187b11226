//! One backend service, called over REST.

use crate::gateway::{Error, OPEN_TIMEOUT, failure};
use bytes::Bytes;
use client::{Class, Client, Failure, Instances, Mode, Options};
use discovery::Instance;
use fault::{Invalid, Kind, Violation};
use http::{StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use model::RecordId;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
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

/// Where an instance is, and the connections to it.
#[derive(Clone)]
struct Target {
    authority: String,
    http: Http,
}

/// The path that every instance has, whatever its service.
const HEALTH: &str = "/healthz";

/// A pool whose first connection is made at once, in the background: it is what asking for the instance's
/// health leaves behind. Whatever comes of that, calls will tell.
fn connect(instance: &Instance) -> Target {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let http = Pool::builder(TokioExecutor::new()).build(connector);
    let target = Target { authority: instance.authority(), http };
    tokio::spawn(timeout(OPEN_TIMEOUT, fetch(target.clone(), HEALTH)));
    target
}

/// A call that an instance failed.
#[derive(Debug, thiserror::Error)]
enum CallFailure {
    #[error("the request was not answered")]
    Connection(#[source] hyper_util::client::legacy::Error),
    #[error("the answer broke off")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the instance's address can't be called")]
    Address(#[source] http::uri::InvalidUri),
    #[error("answered {0}")]
    Status(StatusCode, Bytes),
}

impl Failure for CallFailure {
    fn class(&self) -> Class {
        match self {
            Self::Connection(error) => failure::class(error),
            Self::Body(_) => Class::Broken,
            Self::Address(_) => Class::Unsent,
            Self::Status(StatusCode::SERVICE_UNAVAILABLE, _) => Class::Unavailable,
            Self::Status(..) => Class::Application,
        }
    }
}

/// The part of a problem document that is for the caller.
#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    errors: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    field: String,
    reason: String,
}

/// One service, called over REST.
#[derive(Clone, Debug)]
pub(super) struct Backend {
    name: &'static str,
    client: Client<Target>,
}

impl Backend {
    pub(super) fn new(name: &'static str, instances: &Instances, options: Options) -> Self {
        Self { name, client: Client::new(instances, connect, options) }
    }

    /// Reads `path` once, or again elsewhere, before `deadline`.
    pub(super) async fn read<T: DeserializeOwned>(&self, path: &str, deadline: Instant) -> Result<T, Error> {
        let body = self.call(path, deadline).await.map_err(|error| self.error(error))?;
        self.decoded(&body)
    }

    /// The same, where 404 says that there is nothing.
    pub(super) async fn find<T: DeserializeOwned>(
        &self,
        path: &str,
        deadline: Instant,
    ) -> Result<Option<T>, Error> {
        match self.call(path, deadline).await {
            Ok(body) => self.decoded(&body).map(Some),
            Err(client::Error::Failed { cause: CallFailure::Status(StatusCode::NOT_FOUND, _), .. }) => {
                Ok(None)
            }
            Err(error) => Err(self.error(error)),
        }
    }

    async fn call(&self, path: &str, deadline: Instant) -> Result<Bytes, client::Error<CallFailure>> {
        self.client.call(deadline, Mode::Read, |target| fetch(target, path)).await
    }

    fn decoded<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, Error> {
        serde_json::from_slice(body).map_err(|error| Error::failed(self.name, error))
    }

    fn error(&self, error: client::Error<CallFailure>) -> Error {
        let service = self.name;
        match error {
            client::Error::Late { .. } => Error::Late { service },
            client::Error::Failed { cause: CallFailure::Status(status, body), .. } => {
                refused(service, status, &body)
            }
            error => Error::unavailable(service, error),
        }
    }
}

async fn fetch(target: Target, path: &str) -> Result<Bytes, CallFailure> {
    let uri: Uri = format!("http://{}{path}", target.authority).parse().map_err(CallFailure::Address)?;
    let answer = target.http.get(uri).await.map_err(CallFailure::Connection)?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await.map_err(CallFailure::Body)?;
    match status {
        StatusCode::OK => Ok(body.to_bytes()),
        status => Err(CallFailure::Status(status, body.to_bytes())),
    }
}

fn refused(service: &'static str, status: StatusCode, body: &[u8]) -> Error {
    let source = || format!("answered {status}");
    match service::table::kind_of_http(status) {
        Some(Kind::Unavailable) => Error::unavailable(service, source()),
        Some(Kind::Timeout) => Error::Late { service },
        Some(Kind::InvalidArgument) => {
            let problem: Option<Problem> = serde_json::from_slice(body).ok();
            let violation = |entry: Entry| Violation::new(snake_case(&entry.field), entry.reason);
            let violations = problem.into_iter().flat_map(|problem| problem.errors).map(violation).collect();
            match Invalid::of(violations) {
                Some(invalid) => Error::Refused(invalid),
                None => Error::failed(service, source()),
            }
        }
        _ => Error::failed(service, source()),
    }
}

/// A field's name as the `.proto` files spell it.
fn snake_case(field: &str) -> String {
    let mut snake = String::with_capacity(field.len() + 4);
    for c in field.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;
    use fault::Fault;

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

    #[test]
    fn a_refusal_keeps_the_fields_that_the_service_named() {
        let body = br#"{"status":400,"errors":[{"field":"pageToken","reason":"is another list's"}]}"#;
        let error = refused("rating", StatusCode::BAD_REQUEST, body);
        assert_eq!(error.violations(), [Violation::new("page_token", "is another list's")]);
        assert_eq!(refused("rating", StatusCode::BAD_REQUEST, b"<html>").kind(), Kind::Internal);
        assert_eq!(refused("rating", StatusCode::GATEWAY_TIMEOUT, b"").kind(), Kind::Timeout);
    }
}
