//! One HTTP request to Consul: where it goes, what it carries, and what its answer means.

use crate::registry::Error;
use fault::Kind;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, RequestBuilder, StatusCode, Url};
use rustls::crypto::ring;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long a write may take.
const WRITE: Duration = Duration::from_secs(2);

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(2);

/// The largest answer that is read: some ten thousand instances.
const LARGEST: usize = 16 * 1024 * 1024;

/// How much of an error's text is kept.
const ERROR_TEXT: usize = 300;

/// A connection pool to one Consul.
#[derive(Clone, Debug)]
pub(super) struct Http {
    client: Client,
    base: Url,
}

impl Http {
    pub(super) fn new(url: &str, token: Option<&str>, ca: Option<&Path>) -> Result<Self, Error> {
        let refused = |reason: String| {
            let form = "must read http://HOST:PORT, https://HOST:PORT, unix:///PATH or HOST:PORT";
            Error::new(Kind::InvalidArgument, format!("consul `{url}` {form}{reason}"))
        };
        let mut builder = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .http1_only()
            .connect_timeout(CONNECT)
            .default_headers(headers(token)?);
        let text = match url.split_once("://") {
            None => format!("http://{url}"),
            Some(("unix", path)) => {
                builder = builder.unix_socket(Path::new(path));
                "http://localhost".to_owned()
            }
            Some(_) => url.to_owned(),
        };
        let base: Url = text.parse().map_err(|error| refused(format!(": {error}")))?;
        builder = match base.scheme() {
            "http" => without_tls(builder)?,
            "https" => with_tls(builder, ca)?,
            _ => return Err(refused(String::new())),
        };
        if !base.has_host() {
            return Err(refused(String::new()));
        }
        let client = builder.build().map_err(|error| unusable("could not set up the client", error))?;
        Ok(Self { client, base })
    }

    /// Sends a write and reads its answer, whatever its status.
    pub(super) async fn put(&self, path: &[&str], body: Option<&serde_json::Value>) -> Result<Answer, Error> {
        let mut request = self.client.put(self.url(path)).timeout(WRITE);
        if let Some(body) = body {
            request = request.json(body);
        }
        self.send(request).await
    }

    /// Sends a read that is given up after `patience`.
    pub(super) async fn get(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        patience: Duration,
    ) -> Result<Answer, Error> {
        self.send(self.client.get(self.url(path)).query(query).timeout(patience)).await
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        // `http` and `https` URLs always have segments.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer, Error> {
        let failed = |error: reqwest::Error| {
            let kind = if error.is_timeout() { Kind::Timeout } else { Kind::Unavailable };
            let text = format!("consul at {} can't be asked", self.base);
            Error::new(kind, text).caused_by(error.without_url())
        };
        let mut response = request.send().await.map_err(failed)?;
        // A vector that grows to megabytes by doubling costs more than the reading.
        let expected = response.content_length().and_then(|length| usize::try_from(length).ok());
        let mut body = Vec::with_capacity(expected.unwrap_or(0).min(LARGEST));
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > LARGEST {
                let text = format!("consul's answer is larger than {LARGEST} bytes");
                return Err(Error::new(Kind::Unavailable, text));
            }
            body.extend_from_slice(&chunk);
        }
        let index = response.headers().get("x-consul-index");
        let index = index.and_then(|value| value.to_str().ok()?.parse().ok());
        Ok(Answer { status: response.status(), index, body })
    }
}

fn headers(token: Option<&str>) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    if let Some(token) = token.filter(|token| !token.is_empty()) {
        let mut value = HeaderValue::from_str(token)
            .map_err(|error| unusable("the consul token can't stand in a header", error))?;
        value.set_sensitive(true);
        headers.insert("x-consul-token", value);
    }
    Ok(headers)
}

/// Trusts nobody, so that no certificate store needs to be there: `http://` has no use for one.
fn without_tls(builder: ClientBuilder) -> Result<ClientBuilder, Error> {
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable("could not set up the client", error))?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Ok(builder.tls_backend_preconfigured(config))
}

fn with_tls(builder: ClientBuilder, ca: Option<&Path>) -> Result<ClientBuilder, Error> {
    // Another part of the process may have installed one before: any of them serves.
    let _ = ring::default_provider().install_default();
    let Some(file) = ca else { return Ok(builder) };
    let text = format!("the CA file `{}` can't be used", file.display());
    let pem = std::fs::read(file).map_err(|error| unusable(&text, error))?;
    let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| unusable(&text, error))?;
    Ok(builder.tls_certs_only(certificates))
}

fn unusable(text: &str, cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(Kind::InvalidArgument, text).caused_by(cause)
}

/// What Consul answered.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    /// The cursor of an indexed read.
    pub(super) index: Option<u64>,
    body: Vec<u8>,
}

impl Answer {
    /// The body of an answer with status 200; the error that any other one means.
    pub(super) fn success(self) -> Result<Vec<u8>, Error> {
        let kind = match self.status {
            StatusCode::OK => return Ok(self.body),
            StatusCode::BAD_REQUEST => Kind::InvalidArgument,
            StatusCode::UNAUTHORIZED => Kind::Unauthenticated,
            StatusCode::FORBIDDEN => Kind::PermissionDenied,
            StatusCode::NOT_FOUND => Kind::NotFound,
            StatusCode::TOO_MANY_REQUESTS => Kind::RateLimited,
            _ => Kind::Unavailable,
        };
        let text: String = String::from_utf8_lossy(&self.body).trim().chars().take(ERROR_TEXT).collect();
        Err(Error::new(kind, format!("consul answered {}: {text}", self.status.as_u16())))
    }

    /// Like [`Self::success`] for a write to something that Consul may have forgotten: 404, or before 1.11.2
    /// a 500 whose text begins with `unknown`.
    pub(super) fn forgotten_as_not_found(self, unknown: &str) -> Result<(), Error> {
        let old =
            self.status == StatusCode::INTERNAL_SERVER_ERROR && self.body.starts_with(unknown.as_bytes());
        match self.success() {
            Err(error) if old => Err(Error::new(Kind::NotFound, error.to_string())),
            other => other.map(drop),
        }
    }
}
