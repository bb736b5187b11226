//! A small service on its own port, and a client that exposes complete responses.

use axum::body::Body;
use axum::routing::{get, post};
use bytes::Bytes;
use discovery::{Instance, Registry, memory};
use fault::{Fault, Kind};
use futures::StreamExt;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use prost::Message;
use prost_types::{FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto, ServiceDescriptorProto};
use serde::Deserialize;
use service::extract::{Ids, Json, Path, Query};
use service::{Config, Deadline, Metrics, Problem, Ready, Routes, Server};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::transport::Channel;
use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn, PathsBuilder};
use utoipa::openapi::{HttpMethod, OpenApi, OpenApiBuilder, PathItem};

/// The time limit of any wait in a test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// Awaits `event`, with a time limit.
#[track_caller]
pub(crate) fn soon<F: Future>(event: F) -> impl Future<Output = F::Output> {
    let caller = std::panic::Location::caller();
    async move { timeout(PATIENCE, event).await.unwrap_or_else(|_| panic!("nothing came at {caller}")) }
}

/// The state shared by a test and the service's handlers.
#[derive(Debug)]
pub(crate) struct Shared {
    /// One permit per call that has reached `/held`.
    pub(crate) entered: Semaphore,
    /// One permit per call that may end.
    pub(crate) released: Semaphore,
    /// One permit per call whose handler was dropped.
    pub(crate) dropped: Semaphore,
    pub(crate) makes: AtomicUsize,
    /// The number of responses of a mebibyte created.
    pub(crate) mebibytes: AtomicUsize,
    pub(crate) ready: AtomicBool,
}

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) registry: Arc<memory::Registry>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) metrics: Metrics,
    pub(crate) stop: CancellationToken,
    pub(crate) ended: JoinHandle<Result<(), service::Error>>,
}

impl Running {
    pub(crate) async fn start() -> Self {
        Self::with(Config::for_tests()).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let registry = memory::Registry::new();
        let metrics = Metrics::new();
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared {
            entered: Semaphore::new(0),
            released: Semaphore::new(0),
            dropped: Semaphore::new(0),
            makes: AtomicUsize::new(0),
            mebibytes: AtomicUsize::new(0),
            ready: AtomicBool::new(true),
        });
        let ended = tokio::spawn({
            let (registry, metrics, stop) = (Arc::clone(&registry), metrics.clone(), stop.clone());
            let (shared, readiness) = (Arc::clone(&shared), Arc::clone(&shared));
            async move {
                let ready = Ready::when(move || {
                    let ready = readiness.ready.load(Ordering::Relaxed);
                    async move { if ready { Ok(()) } else { Err("the disk is away") } }
                });
                let tracer = trace::Tracer::start(&config.traces, "small");
                let server = Server { metrics, tracer, ready, ..server(move || routes(&shared)) };
                server.run(&config, Some(registry), stop).await
            }
        });
        let instance = soon(registered(&registry)).await;
        let address = instance.authority().parse().unwrap();
        Self { address, registry, shared, metrics, stop, ended }
    }

    pub(crate) fn client(&self) -> Caller {
        Caller::to(self.address)
    }

    pub(crate) fn http2(&self) -> Caller {
        Caller::http2_to(self.address)
    }

    pub(crate) fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.address)).unwrap().connect_lazy()
    }

    /// Stops the service and asserts that it ends successfully.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        soon(self.ended).await.unwrap().unwrap();
    }
}

async fn registered(registry: &Arc<memory::Registry>) -> Instance {
    let mut sets = registry.watch("small");
    loop {
        let set = sets.next().await.unwrap();
        if let Some(instance) = set.first() {
            return instance.clone();
        }
    }
}

/// Returns a service that is always ready, and whose reflection lists the only gRPC service of [`routes`].
pub(crate) fn server(routes: impl Fn() -> Routes + Send + Sync + 'static) -> Server {
    static SET: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let method = |name: &str| MethodDescriptorProto {
            name: Some(name.into()),
            input_type: Some(".small.v1.Empty".into()),
            output_type: Some(".small.v1.Empty".into()),
            ..Default::default()
        };
        let file = FileDescriptorProto {
            name: Some("small.proto".into()),
            package: Some("small.v1".into()),
            message_type: vec![prost_types::DescriptorProto {
                name: Some("Empty".into()),
                ..Default::default()
            }],
            service: vec![ServiceDescriptorProto {
                name: Some("Small".into()),
                method: ["Slow", "Panic", "Broken", "Left"].map(method).into(),
                ..Default::default()
            }],
            ..Default::default()
        };
        FileDescriptorSet { file: vec![file] }.encode_to_vec()
    });
    static SETS: LazyLock<[&[u8]; 1]> = LazyLock::new(|| [&SET]);
    Server {
        name: "small",
        grpc_services: &["small.v1.Small"],
        descriptors: &*SETS,
        openapi: description(),
        metrics: Metrics::new(),
        tracer: trace::Tracer::disabled(),
        ready: Ready::always(),
        routes: Box::new(routes),
    }
}

/// Returns a description of the routes with a parameter.
fn description() -> OpenApi {
    let described = [("/list", "ids"), ("/broken", "x")];
    let paths = described.into_iter().fold(PathsBuilder::new(), |paths, (path, name)| {
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query).build();
        let operation = OperationBuilder::new().parameter(parameter).build();
        paths.path(path, PathItem::new(HttpMethod::Get, operation))
    });
    OpenApiBuilder::new().paths(paths.build()).build()
}

#[derive(Debug, thiserror::Error)]
#[error("the secret table is locked")]
struct Broken;

impl Fault for Broken {
    fn kind(&self) -> Kind {
        Kind::Unavailable
    }
}

struct Dropped(Arc<Shared>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.dropped.add_permits(1);
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rating {
    value: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Asked {
    ids: Ids,
}

pub(crate) fn no_routes() -> Routes {
    Routes { rest: axum::Router::new(), grpc: Default::default() }
}

pub(crate) fn routes(shared: &Arc<Shared>) -> Routes {
    shared.makes.fetch_add(1, Ordering::Relaxed);
    let (shared, counted) = (Arc::clone(shared), Arc::clone(shared));
    let mebibyte = async move || {
        counted.mebibytes.fetch_add(1, Ordering::Relaxed);
        vec![b'x'; 1 << 20]
    };
    let held = move || {
        let shared = Arc::clone(&shared);
        async move {
            let _dropped = Dropped(Arc::clone(&shared));
            shared.entered.add_permits(1);
            shared.released.acquire().await.unwrap().forget();
            "released"
        }
    };
    let greet = async |Path(name): Path<String>| format!("hello {name}");
    let rate = async |Json(Rating { value }): Json<Rating>| Json(value);
    let list = async |Query(Asked { ids }): Query<Asked>| Json(ids.0);
    let left = async |deadline: Deadline| Json(deadline.left().as_millis() as u64);
    let broken = async || Err::<(), _>(Problem::from(Broken));
    let breaks_off = async || {
        let chunks =
            (0..).map(|at| if at == 0 { Ok::<_, Broken>("whole") } else { panic!("the body's secret") });
        Body::from_stream(futures::stream::iter(chunks))
    };
    let rest = axum::Router::new()
        .route("/greet/{name}", get(greet))
        .route("/rate", post(rate))
        .route("/absorb", post(async |_: String| std::future::pending::<()>().await))
        .route("/list", get(list))
        .route("/left", get(left))
        .route("/held", get(held))
        .route("/mebibyte", get(mebibyte))
        .route("/never", get(std::future::pending::<()>))
        .route("/panic", get(async || -> () { panic!("the handler's secret") }))
        .route("/broken", get(broken))
        .route("/breaks-off", get(breaks_off));

    let mut grpc = tonic::service::Routes::default();
    let router = std::mem::take(grpc.axum_router_mut());
    let left = async |deadline: Deadline| {
        Status::failed_precondition(deadline.left().as_millis().to_string()).into_http::<Body>()
    };
    // The deadline when the message is complete.
    let read = async |request: axum::extract::Request| {
        let (parts, body) = request.into_parts();
        body.collect().await.unwrap();
        let deadline = Deadline::of(&tonic::Request::from_parts(Default::default(), parts.extensions, ()));
        Status::failed_precondition(deadline.left().as_millis().to_string()).into_http::<Body>()
    };
    *grpc.axum_router_mut() = router
        .route("/small.v1.Small/Slow", post(std::future::pending::<()>))
        .route("/small.v1.Small/Panic", post(async || -> () { panic!("the method's secret") }))
        .route("/small.v1.Small/Broken", post(async || service::grpc::status(Broken).into_http::<Body>()))
        .route("/small.v1.Small/Left", post(left))
        .route("/small.v1.Small/Read", post(read));
    Routes { rest, grpc }
}

/// A client of one service.
#[derive(Clone)]
pub(crate) struct Caller {
    http: Client<HttpConnector, Full<Bytes>>,
    address: SocketAddr,
}

/// A complete response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) trailers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Caller {
    pub(crate) fn to(address: SocketAddr) -> Self {
        Self { http: Client::builder(TokioExecutor::new()).build(HttpConnector::new()), address }
    }

    pub(crate) fn http2_to(address: SocketAddr) -> Self {
        let http = Client::builder(TokioExecutor::new()).http2_only(true).build(HttpConnector::new());
        Self { http, address }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], "").await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<Bytes>) -> Answer {
        self.send(Method::POST, path, &[("content-type", "application/json")], body).await.unwrap()
    }

    /// Calls a method with an empty message.
    pub(crate) async fn call(&self, method: &str, headers: &[(&str, &str)]) -> Answer {
        let headers = [&[("content-type", "application/grpc"), ("te", "trailers")], headers].concat();
        self.send(Method::POST, method, &headers, &[0; 5][..]).await.unwrap()
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = soon(self.http.request(request.body(Full::new(body.into()))?)).await?;
        let (parts, body) = response.into_parts();
        let body = soon(body.collect()).await?;
        let trailers = body.trailers().cloned().unwrap_or_default();
        Ok(Answer { status: parts.status, headers: parts.headers, trailers, body: body.to_bytes() })
    }
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Returns the gRPC code and message, from the trailers or the headers.
    pub(crate) fn grpc(&self) -> (i32, &str) {
        assert_eq!(self.status, 200, "{self:?}");
        let headers = if self.trailers.contains_key("grpc-status") { &self.trailers } else { &self.headers };
        let text = |name| headers.get(name).map_or("", |value| value.to_str().unwrap());
        (text("grpc-status").parse().unwrap(), text("grpc-message"))
    }

    /// Checks what every problem has; returns its `code`.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, instance: &str) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.header("content-length"), self.body.len().to_string());
        let body = self.json();
        assert_eq!(body["status"], status, "{body}");
        assert_eq!(body["instance"], instance, "{body}");
        for text in ["type", "title", "detail"] {
            assert!(body[text].as_str().is_some_and(|text| !text.is_empty()), "{text} of {body}");
        }
        assert_eq!(body.get("errors").is_some(), status == 400, "{body}");
        body["code"].as_str().unwrap().to_owned()
    }
}
