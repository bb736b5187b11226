//! HTTP requests to Consul: URLs, headers and bodies.

use super::ask::{Answer, Ask};
use super::config::{Config, DEREGISTER_AFTER};
use crate::registration::TTL;
use crate::registry::{Error, Instance};
use async_trait::async_trait;
use fault::Kind;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, RequestBuilder, Url};
use rustls::crypto::ring;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The connect time-out.
const CONNECT: Duration = Duration::from_secs(2);

/// The maximum size of a response: some ten thousand instances.
const LARGEST: usize = 16 * 1024 * 1024;

/// A connection pool to one Consul.
pub(super) struct Http {
    client: Client,
    base: Url,
}

impl Http {
    pub(super) fn new(Config { url, token, ca, .. }: &Config) -> Result<Self, Error> {
        let refused = |reason: String| {
            let form = "must have the form http://HOST:PORT, https://HOST:PORT, unix:///PATH or HOST:PORT";
            Error::new(Kind::InvalidArgument, format!("consul `{url}` {form}{reason}"))
        };
        let mut builder = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .http1_only()
            .connect_timeout(CONNECT)
            .default_headers(headers(token.as_deref())?);
        let text = match url.split_once("://") {
            None => format!("http://{url}"),
            Some(("unix", path)) => {
                builder = builder.unix_socket(Path::new(path));
                "http://localhost".to_owned()
            }
            Some(_) => url.clone(),
        };
        let base: Url = text.parse().map_err(|error| refused(format!(": {error}")))?;
        builder = match base.scheme() {
            "http" => without_tls(builder)?,
            "https" => with_tls(builder, ca.as_deref())?,
            _ => return Err(refused(String::new())),
        };
        if !base.has_host() {
            return Err(refused(String::new()));
        }
        let client = builder.build().map_err(|error| unusable("could not set up the client", error))?;
        Ok(Self { client, base })
    }

    /// Marks `check` critical, as an operator can.
    #[cfg(feature = "conformance")]
    pub(super) async fn fail(&self, check: &str) -> Result<Answer, Error> {
        self.send(self.client.put(self.url(&["v1", "agent", "check", "fail", check]))).await
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
            Error::new(kind, "the request to consul failed").caused_by(error.without_url())
        };
        let mut response = request.send().await.map_err(failed)?;
        // Growing a vector to megabytes by doubling costs more than reading.
        let expected = response.content_length().and_then(|length| usize::try_from(length).ok());
        let mut body = Vec::with_capacity(expected.unwrap_or(0).min(LARGEST));
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > LARGEST {
                let text = format!("consul's response is larger than {LARGEST} bytes");
                return Err(Error::new(Kind::Internal, text));
            }
            body.extend_from_slice(&chunk);
        }
        let headers = response.headers();
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        Ok(Answer::new(response.status().as_u16(), header, body))
    }
}

#[async_trait]
impl Ask for Http {
    async fn register(&self, instance: &Instance) -> Result<Answer, Error> {
        let definition = json!({
            "ID": instance.id,
            "Name": instance.service,
            "Address": instance.host,
            "Port": instance.port,
            "Tags": instance.tags,
            "Check": {
                "TTL": format!("{}s", TTL.as_secs()),
                "Status": "passing",
                "DeregisterCriticalServiceAfter": DEREGISTER_AFTER,
            },
        });
        let url = self.url(&["v1", "agent", "service", "register"]);
        self.send(self.client.put(url).json(&definition)).await
    }

    async fn pass(&self, check: &str) -> Result<Answer, Error> {
        let status = json!({ "Status": "passing", "Output": "alive" });
        let url = self.url(&["v1", "agent", "check", "update", check]);
        self.send(self.client.put(url).json(&status)).await
    }

    async fn deregister(&self, id: &str) -> Result<Answer, Error> {
        self.send(self.client.put(self.url(&["v1", "agent", "service", "deregister", id]))).await
    }

    async fn passing(&self, service: &str, index: u64, wait: Duration) -> Result<Answer, Error> {
        let (wait, index) = (format!("{}ms", wait.as_millis()), index.to_string());
        let query = [("passing", "1"), ("wait", &wait), ("index", &index)];
        self.send(self.client.get(self.url(&["v1", "health", "service", service])).query(&query)).await
    }
}

fn headers(token: Option<&str>) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    if let Some(token) = token.filter(|token| !token.is_empty()) {
        let mut value = HeaderValue::from_str(token).map_err(|error| {
            unusable("the consul token contains characters that a header does not allow", error)
        })?;
        value.set_sensitive(true);
        headers.insert("x-consul-token", value);
    }
    Ok(headers)
}

/// Trusts no certificate, so that no certificate store is required for `http://`.
fn without_tls(builder: ClientBuilder) -> Result<ClientBuilder, Error> {
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable("could not set up the client", error))?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Ok(builder.tls_backend_preconfigured(config))
}

fn with_tls(builder: ClientBuilder, ca: Option<&Path>) -> Result<ClientBuilder, Error> {
    // Another part of the process may have installed one already: any of them works.
    let _ = ring::default_provider().install_default();
    let Some(file) = ca else { return Ok(builder) };
    let text = format!("the CA file `{}` can't be used", file.display());
    let pem = std::fs::read(file).map_err(|error| unusable(&text, error))?;
    let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| unusable(&text, error))?;
    if certificates.is_empty() {
        return Err(Error::new(Kind::InvalidArgument, format!("{text}: it contains no certificate")));
    }
    Ok(builder.tls_certs_only(certificates))
}

fn unusable(text: &str, cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(Kind::InvalidArgument, text).caused_by(cause)
}
