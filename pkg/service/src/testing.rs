//! A service under test: started in this process on a free port, and called over both protocols.

pub mod document;

use bytes::Bytes;
use discovery::{Instance, Registry};
use futures::StreamExt;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use std::error::Error;
use std::ffi::OsString;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

/// The time limit for a service to start or to stop.
const PATIENCE: Duration = Duration::from_secs(20);

/// A REST response.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// Returns the body as JSON; `null` if it is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Returns the fields named by a problem.
    #[must_use]
    pub fn fields(&self) -> Vec<String> {
        let field = |error: &Value| error["field"].as_str().unwrap_or_default().to_owned();
        self.json()["errors"].as_array().map(|errors| errors.iter().map(field).collect()).unwrap_or_default()
    }
}

/// Parses the command line of a service, which listens on any free port of loopback.
///
/// # Errors
///
/// Those of clap.
pub fn parse<C: clap::Parser>(
    arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
) -> Result<C, clap::Error> {
    let listen = ["--listen", "127.0.0.1:0"].map(OsString::from);
    C::try_parse_from(arguments.into_iter().map(Into::into).chain(listen))
}

/// A service that runs in this process and is registered.
pub struct Running {
    instance: Instance,
    client: Client<HttpConnector, Full<Bytes>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

type Failed = Box<dyn Error + Send + Sync>;

impl Running {
    /// Starts the service of `run` and waits until `service` is in `registry`.
    ///
    /// # Errors
    ///
    /// If it is not registered in time. A `run` that fails panics when it is stopped.
    pub async fn start<F, E>(
        service: &str,
        registry: &Arc<dyn Registry>,
        run: impl FnOnce(Option<Arc<dyn Registry>>, CancellationToken) -> F,
    ) -> Result<Self, Failed>
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Debug + Send,
    {
        let mut instances = registry.watch(service);
        let known = timeout(PATIENCE, instances.next()).await?.unwrap_or_default();
        let stop = CancellationToken::new();
        let running = run(Some(registry.clone()), stop.clone());
        let task = tokio::spawn(async move {
            if let Err(error) = running.await {
                std::panic::panic_any(format!("the service failed: {error:?}"));
            }
        });
        let appeared = async {
            while let Some(set) = instances.next().await {
                if let Some(new) = set.iter().find(|instance| !known.contains(instance)) {
                    return Ok(new.clone());
                }
            }
            Err(Failed::from("the registry ended"))
        };
        let instance = timeout(PATIENCE, appeared).await??;
        let client = Client::builder(TokioExecutor::new()).build_http();
        Ok(Self { instance, client, stop, task })
    }

    /// Returns the listen address, `host:port`.
    #[must_use]
    pub fn authority(&self) -> String {
        self.instance.authority()
    }

    /// Returns a connection for gRPC.
    ///
    /// # Errors
    ///
    /// If the service can't be reached.
    pub async fn channel(&self) -> Result<Channel, Failed> {
        Ok(Endpoint::from_shared(format!("http://{}", self.authority()))?.connect().await?)
    }

    /// Sends a REST request, with an optional JSON body.
    ///
    /// # Errors
    ///
    /// If no complete response is received.
    pub async fn send(&self, method: Method, path: &str, body: Option<&str>) -> Result<Answer, Failed> {
        let mut request =
            http::Request::builder().method(method).uri(format!("http://{}{path}", self.authority()));
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = Full::new(Bytes::copy_from_slice(body.unwrap_or_default().as_bytes()));
        let (head, body) = self.client.request(request.body(body)?).await?.into_parts();
        Ok(Answer { status: head.status, headers: head.headers, body: body.collect().await?.to_bytes() })
    }

    /// Sends a REST GET.
    ///
    /// # Errors
    ///
    /// If no complete response is received.
    pub async fn get(&self, path: &str) -> Result<Answer, Failed> {
        self.send(Method::GET, path, None).await
    }

    /// Calls each operation of `/openapi.json` with an unknown query parameter; returns those that do not reject it.
    ///
    /// # Errors
    ///
    /// If no complete response is received.
    pub async fn operations_with_any_parameter(&self) -> Result<Vec<String>, Failed> {
        let document = self.get("/openapi.json").await?.json();
        let mut accepting = Vec::new();
        let paths = document["paths"].as_object().ok_or("no paths")?;
        for (path, operations) in paths {
            for method in [Method::GET, Method::PUT, Method::POST, Method::DELETE, Method::PATCH] {
                if operations.get(method.as_str().to_lowercase()).is_none() {
                    continue;
                }
                let target = format!("{}?dryRun=true", path.replace(['{', '}'], ""));
                let answer = self.send(method.clone(), &target, Some("{}")).await?;
                if (answer.status, answer.fields()) != (StatusCode::BAD_REQUEST, vec!["dryRun".to_owned()]) {
                    accepting.push(format!("{method} {path}"));
                }
            }
        }
        Ok(accepting)
    }

    /// Stops the service and waits until it has ended.
    ///
    /// # Errors
    ///
    /// If it failed or does not end in time.
    pub async fn stop(self) -> Result<(), Failed> {
        self.stop.cancel();
        Ok(timeout(PATIENCE, self.task).await??)
    }
}
