//! A response before it is sent: status, headers and a body that may still be indented.

use crate::refusal::Refusal;
use axum::body::Body;
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, VARY};
use http::{HeaderMap, Method, StatusCode};
use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};
use std::io::{self, Write};

/// The minimum size of a body to compress, in bytes.
const LEAST_COMPRESSED: usize = 1400;

const TEXT: &str = "text/plain; charset=utf-8";

/// A response.
#[derive(Debug)]
pub(super) struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Content,
}

#[derive(Debug)]
enum Content {
    Text(String),
    Json(Value),
}

impl Reply {
    fn text(status: StatusCode, kind: &'static str, text: impl Into<String>) -> Self {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
        Self { status, headers, body: Content::Text(text.into()) }
    }

    /// Returns 200 with a JSON value.
    pub(super) fn json(value: Value) -> Self {
        let kind = HeaderValue::from_static("application/json");
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, kind)]);
        Self { status: StatusCode::OK, headers, body: Content::Json(value) }
    }

    /// Returns the health of services, also as a status code.
    pub(super) fn health(status: StatusCode, reason: &str, value: Option<Value>) -> Self {
        let mut reply = match value {
            Some(value) => Self::json(value),
            None => Self::text(status, TEXT, reason),
        };
        reply.status = status;
        reply.with(HeaderName::from_static("x-consul-reason"), reason)
    }

    /// Returns 200 with an empty body and Consul's headers.
    pub(super) fn done() -> Self {
        Self::text(StatusCode::OK, "application/json; charset=utf-8", "")
    }

    /// Returns 200 with a page.
    pub(super) fn html(page: &str) -> Self {
        Self::text(StatusCode::OK, "text/html; charset=utf-8", page)
    }

    /// Returns 301.
    pub(super) fn moved(place: &str) -> Self {
        Self::text(StatusCode::MOVED_PERMANENTLY, TEXT, "").with(LOCATION, place)
    }

    /// Returns 404 for an unknown path.
    pub(super) fn unknown(path: &str) -> Self {
        let hint = if path.contains("/v1/") {
            "not a recognized HTTP API endpoint"
        } else {
            "if attempting to use the HTTP API, ensure the path starts with '/v1/'"
        };
        Self::text(StatusCode::NOT_FOUND, TEXT, format!("Invalid URL path: {hint}\n"))
    }

    /// Returns 200 to OPTIONS.
    pub(super) fn options(allowed: &Method) -> Self {
        let nothing =
            Self { status: StatusCode::OK, headers: HeaderMap::new(), body: Content::Text(String::new()) };
        nothing.with(ALLOW, &format!("OPTIONS,{allowed}"))
    }

    /// Returns 405.
    pub(super) fn wrong_method(asked: &Method, allowed: &Method) -> Self {
        Self::text(StatusCode::METHOD_NOT_ALLOWED, TEXT, format!("method {asked} not allowed"))
            .with(ALLOW, &format!("OPTIONS,{allowed}"))
    }

    /// Returns a refusal as plain text; with an index if the call `is_indexed` and the look-up failed by no fault of
    /// the caller.
    pub(super) fn refused(refusal: Refusal, is_indexed: bool) -> Self {
        let failed = matches!(refusal.status, StatusCode::INTERNAL_SERVER_ERROR | StatusCode::FORBIDDEN);
        let reply = Self::text(refusal.status, TEXT, refusal.text);
        if !(failed && is_indexed) {
            return reply;
        }
        reply
            .with(HeaderName::from_static("x-consul-index"), "1")
            .with(HeaderName::from_static("x-consul-knownleader"), "false")
    }

    /// Adds the headers of every response under `/v1`.
    pub(super) fn of_the_interface(self, policy: &str) -> Self {
        self.with(VARY, "Accept-Encoding")
            .with(HeaderName::from_static("x-consul-default-acl-policy"), policy)
    }

    /// Adds the headers of a response that supports blocking.
    pub(super) fn indexed(self, index: u64, consistency: &str) -> Self {
        self.with(HeaderName::from_static("x-consul-index"), &index.max(1).to_string())
            .with(HeaderName::from_static("x-consul-lastcontact"), "0")
            .with(HeaderName::from_static("x-consul-knownleader"), "true")
            .with(HeaderName::from_static("x-consul-effective-consistency"), consistency)
            .with(HeaderName::from_static("x-consul-query-backend"), "blocking-query")
    }

    /// Adds the hash of the content.
    pub(super) fn hashed(self, hash: &str) -> Self {
        self.with(HeaderName::from_static("x-consul-contenthash"), hash)
    }

    /// Adds the headers of an uncached response for a caller that accepts a cached one.
    pub(super) fn missed(self) -> Self {
        self.with(HeaderName::from_static("x-cache"), "MISS")
    }

    /// Indents the JSON body if `is` is true.
    pub(super) fn pretty(mut self, is: bool) -> Self {
        if let Content::Json(value) = &self.body
            && is
        {
            let mut text = Vec::new();
            let mut serializer = Serializer::with_formatter(&mut text, PrettyFormatter::with_indent(b"    "));
            if value.serialize(&mut serializer).is_ok() {
                text.push(b'\n');
                self.body = Content::Text(String::from_utf8_lossy(&text).into_owned());
            }
        }
        self
    }

    /// Converts to a response; compresses a long body if `takes_gzip`.
    pub(super) fn response(self, takes_gzip: bool) -> Response {
        let mut headers = self.headers;
        let mut body = match self.body {
            Content::Text(text) => text.into_bytes(),
            Content::Json(value) => value.to_string().into_bytes(),
        };
        if body.len() >= LEAST_COMPRESSED {
            headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
            if takes_gzip && let Ok(compressed) = compressed(&body) {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                body = compressed;
            }
        }
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        response
    }

    fn with(mut self, name: HeaderName, value: &str) -> Self {
        // A value that is not a valid header comes from a path that cannot be a redirect target.
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }
}

fn compressed(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}
