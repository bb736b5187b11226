//! "Try it": a request to an instance of a known service, with a trace.

use super::app::{App, Refusal};
use crate::fetch::{self, Fetcher};
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::Full;
use rand::seq::IndexedRandom;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The time limit of a request.
const WITHIN: Duration = Duration::from_secs(10);

/// The maximum size of a response and of a path with its query, in bytes.
const MAX_RESPONSE: usize = 512 * 1024;
const MAX_PATH: usize = 8 * 1024;

/// The maximum size of an OpenAPI document, in bytes.
const MAX_DOCUMENT: usize = 4 * 1024 * 1024;

/// The time limit of an OpenAPI document.
const DOCUMENT_WITHIN: Duration = Duration::from_secs(2);

/// Headers that belong to the connection, or that the console sets itself.
const OWN: [&str; 13] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "traceparent",
    "tracestate",
];

/// A request to try.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Trial {
    service: String,
    method: String,
    path: String,
    query: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
}

/// Sends the request to an instance, which the registry names, and returns its response.
pub(super) async fn send(
    State(app): State<Arc<App>>,
    trial: Result<Json<Trial>, JsonRejection>,
) -> Result<Json<Value>, Refusal> {
    let Json(trial) = trial.map_err(|rejection| Refusal(rejection.status(), rejection.body_text()))?;
    if !app.config.services.contains(&trial.service) {
        let text = format!("service must be one of {}", app.config.services.join(", "));
        return Err(Refusal(StatusCode::NOT_FOUND, text));
    }
    let instances = app.instances(&trial.service);
    let Some(instance) = instances.choose(&mut rand::rng()) else {
        let text = format!("the registry has no instance of {}", trial.service);
        return Err(Refusal(StatusCode::SERVICE_UNAVAILABLE, text));
    };
    let trace = rand::random::<u128>() | 1;
    let request = request(trial, &instance.authority(), trace)?;
    let began = Instant::now();
    let response = app.fetcher.send(request, WITHIN, MAX_RESPONSE).await.map_err(|error| {
        let status = match error {
            fetch::Error::Invalid(_) => StatusCode::BAD_REQUEST,
            fetch::Error::Late(_) => StatusCode::GATEWAY_TIMEOUT,
            fetch::Error::Unreachable(_) | fetch::Error::TooLarge(_) => StatusCode::BAD_GATEWAY,
        };
        Refusal(status, format!("{}: {error}", instance.id))
    })?;
    Ok(Json(json!({
        "status": response.status().as_u16(),
        "headers": fetch::texts(response.headers()),
        "body": String::from_utf8_lossy(response.body()),
        "durationMs": began.elapsed().as_secs_f64() * 1_000.0,
        "instance": instance.id,
        "traceId": format!("{trace:032x}"),
    })))
}

fn request(trial: Trial, authority: &str, trace: u128) -> Result<Request<Full<Bytes>>, Refusal> {
    let Trial { method, path, query, headers, body, .. } = trial;
    let method = match method.to_ascii_uppercase().parse() {
        Ok(
            method @ (Method::GET
            | Method::HEAD
            | Method::POST
            | Method::PUT
            | Method::DELETE
            | Method::PATCH),
        ) => method,
        _ => return Err(Refusal::invalid("method must be GET, HEAD, POST, PUT, DELETE or PATCH")),
    };
    let query = query.filter(|query| !query.is_empty());
    let target =
        query.map_or_else(|| path.clone(), |query| format!("{path}?{}", query.trim_start_matches('?')));
    if !path.starts_with('/') || target.len() > MAX_PATH || target.contains('#') {
        return Err(Refusal::invalid("path must begin with / and have up to 8 KiB, without a fragment"));
    }
    let span = rand::random::<u64>() | 1;
    let mut request = Request::builder()
        .method(method)
        .uri(format!("http://{authority}{target}"))
        .header("traceparent", format!("00-{trace:032x}-{span:016x}-01"));
    for (name, value) in headers {
        let name = HeaderName::try_from(&name)
            .map_err(|_| Refusal::invalid(format!("header \"{name}\" has no valid name")))?;
        if OWN.contains(&name.as_str()) {
            return Err(Refusal::invalid(format!("header {name} can't be set")));
        }
        let value = HeaderValue::try_from(value)
            .map_err(|_| Refusal::invalid(format!("header {name} has no valid value")))?;
        request = request.header(name, value);
    }
    let request = request.body(Full::from(body.unwrap_or_default()));
    let request =
        request.map_err(|_| Refusal::invalid("path or query has invalid characters: encode them"))?;
    // What comes after the authority can't change it.
    match request.uri().authority() {
        Some(own) if own.as_str() == authority => Ok(request),
        _ => Err(Refusal::invalid("path must begin with /")),
    }
}

/// Returns the OpenAPI documents of the services that respond.
pub(super) async fn openapi(State(app): State<Arc<App>>) -> Json<Value> {
    let documents = app.config.services.iter().map(|service| {
        let (fetcher, instances) = (&app.fetcher, app.instances(service));
        async move { Some((service.clone(), document(fetcher, &instances.first()?.authority()).await?)) }
    });
    let documents = futures::future::join_all(documents).await;
    let services: serde_json::Map<String, Value> = documents.into_iter().flatten().collect();
    Json(json!({"services": services}))
}

async fn document(fetcher: &Fetcher, authority: &str) -> Option<Value> {
    let (status, body) = fetcher.get(authority, "/openapi.json", DOCUMENT_WITHIN, MAX_DOCUMENT).await.ok()?;
    serde_json::from_slice(&body).ok().filter(|_| status == StatusCode::OK)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(
        method: &str,
        path: &str,
        query: Option<&str>,
        header: Option<(&str, &str)>,
    ) -> Result<String, String> {
        let trial = Trial {
            service: "movie".to_owned(),
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.map(str::to_owned),
            headers: header.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body: None,
        };
        let request = request(trial, "127.0.0.1:1", 1);
        request.map(|request| request.uri().to_string()).map_err(|Refusal(_, text)| text)
    }

    #[test]
    fn request_goes_to_the_instance_whatever_its_path() {
        for (path, query, expected) in [
            ("/v1/movies", None, Some("http://127.0.0.1:1/v1/movies")),
            ("/v1/movies", Some("query=star"), Some("http://127.0.0.1:1/v1/movies?query=star")),
            ("/v1/movies", Some("?a=b"), Some("http://127.0.0.1:1/v1/movies?a=b")),
            ("//evil.example/", None, Some("http://127.0.0.1:1//evil.example/")),
            ("/@evil.example/", None, Some("http://127.0.0.1:1/@evil.example/")),
            ("@evil.example/", None, None),
            (".evil.example/", None, None),
            (":99/", None, None),
            ("http://evil.example/", None, None),
            ("", None, None),
            ("/a b", None, None),
            ("/a\r\nx: y", None, None),
            ("/a#b", None, None),
        ] {
            assert_eq!(trial("get", path, query, None).ok().as_deref(), expected, "{path}");
        }
        assert!(trial("GET", &format!("/{}", "a".repeat(MAX_PATH)), None, None).is_err());
    }

    #[test]
    fn method_and_headers_are_checked() {
        for method in ["CONNECT", "TRACE", "OPTIONS", "", "G T"] {
            assert!(trial(method, "/", None, None).unwrap_err().contains("method"), "{method}");
        }
        for header in
            [("Host", "x"), ("traceparent", "x"), ("a b", "x"), ("a", "b\nc"), ("Transfer-Encoding", "x")]
        {
            assert!(trial("GET", "/", None, Some(header)).unwrap_err().contains("header"), "{header:?}");
        }
        assert!(trial("GET", "/", None, Some(("accept", "text/plain"))).is_ok());
    }
}
