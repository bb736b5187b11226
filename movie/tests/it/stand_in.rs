//! A proxy in front of a service that changes the rows of its responses, or fails its calls, and counts them.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, Response, StatusCode, Uri};
use bytes::{Buf, Bytes};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use prost::Message;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

/// What the proxy does with the rows of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Does {
    /// Forwards them.
    Forward,
    /// Reverses their order.
    Reverse,
    /// Adds one with another id.
    AddForeign,
    /// Repeats the first one.
    Repeat,
    /// Changes the id of the first one.
    Rename,
    /// Changes the record type of the first one.
    Retype,
    /// Makes the row with this id undecodable.
    Spoil(&'static str),
    /// Fails the call.
    Fail,
}

/// The proxy; it stops when this is dropped.
pub(crate) struct StandIn {
    pub(crate) url: String,
    shared: Arc<Shared>,
    _task: AbortOnDropHandle<()>,
}

struct Shared {
    behind: String,
    does: Mutex<Does>,
    calls: AtomicUsize,
    http1: Client<HttpConnector, Full<Bytes>>,
    http2: Client<HttpConnector, Full<Bytes>>,
}

impl StandIn {
    /// Starts a proxy in front of the service at the authority `behind`.
    pub(crate) async fn start(behind: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            behind,
            does: Mutex::new(Does::Forward),
            calls: AtomicUsize::new(0),
            http1: Client::builder(TokioExecutor::new()).build_http(),
            http2: Client::builder(TokioExecutor::new()).http2_only(true).build_http(),
        });
        let router = Router::new().fallback(pass_on).with_state(shared.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, shared, _task: AbortOnDropHandle::new(task) }
    }

    /// Sets what happens to each call from now on.
    pub(crate) fn now(&self, does: Does) {
        *self.shared.does.lock().unwrap() = does;
    }

    /// Returns the number of calls since this was last called.
    pub(crate) fn take_calls(&self) -> usize {
        self.shared.calls.swap(0, Ordering::SeqCst)
    }
}

async fn pass_on(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response<Body> {
    let (mut head, body) = request.into_parts();
    let is_grpc = head.headers.contains_key("te");
    let is_call = head.uri.path().starts_with("/v1/") || head.uri.path().contains("Service/");
    let does = *shared.does.lock().unwrap();
    if is_call {
        shared.calls.fetch_add(1, Ordering::SeqCst);
        if does == Does::Fail {
            return failure(is_grpc);
        }
    }
    let path = head.uri.path_and_query().unwrap().clone();
    let uri = Uri::builder().scheme("http").authority(shared.behind.as_str());
    head.uri = uri.path_and_query(path).build().unwrap();
    let client = if is_grpc { &shared.http2 } else { &shared.http1 };
    let body = Full::new(body.collect().await.unwrap().to_bytes());
    let (mut head, body) = client.request(Request::from_parts(head, body)).await.unwrap().into_parts();
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned();
    let mut bytes = body.to_bytes();
    if is_call && head.status == StatusCode::OK && !bytes.is_empty() {
        bytes = if is_grpc { distorted_grpc(does, bytes) } else { distorted_json(does, &bytes) };
        head.headers.remove("content-length");
    }
    let body = Full::new(bytes).with_trailers(async move { trailers.map(Ok) });
    Response::from_parts(head, Body::new(body))
}

fn failure(is_grpc: bool) -> Response<Body> {
    let response = Response::builder();
    let response = if is_grpc {
        response.header("content-type", "application/grpc").header("grpc-status", "13")
    } else {
        response.status(StatusCode::INTERNAL_SERVER_ERROR)
    };
    response.body(Body::empty()).unwrap()
}

/// The changes to a row of an encoding.
struct Encoding<R> {
    id: fn(&R) -> String,
    rename: fn(&mut R),
    retype: fn(&mut R),
    spoilt: fn() -> R,
}

fn distort<R: Clone>(does: Does, rows: &mut Vec<R>, encoding: &Encoding<R>) {
    let Some(mut first) = rows.first().cloned() else { return };
    match does {
        Does::Forward | Does::Fail => {}
        Does::Reverse => rows.reverse(),
        Does::Repeat => rows.push(first),
        Does::AddForeign => {
            (encoding.rename)(&mut first);
            rows.push(first);
        }
        Does::Rename => (encoding.rename)(&mut rows[0]),
        Does::Retype => (encoding.retype)(&mut rows[0]),
        Does::Spoil(id) => {
            let spoilt = rows.iter_mut().filter(|row| (encoding.id)(row) == id);
            spoilt.for_each(|row| *row = (encoding.spoilt)());
        }
    }
}

/// A list of metadata or aggregates: its rows in field 1 and the next page's token in field 2.
#[derive(Clone, PartialEq, Message)]
struct Rows {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    rows: Vec<Bytes>,
    #[prost(string, tag = "2")]
    next_page_token: String,
}

/// Metadata and aggregates have their id in field 1; an aggregate has its type in field 2.
#[derive(Clone, PartialEq, Message)]
struct Named {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    record_type: String,
}

/// Appends fields: a repeated field replaces the previous one.
fn replaced(row: &mut Bytes, id: &str, record_type: &str) {
    let more = Named { id: id.to_owned(), record_type: record_type.to_owned() };
    *row = [row.to_vec(), more.encode_to_vec()].concat().into();
}

fn distorted_grpc(does: Does, mut bytes: Bytes) -> Bytes {
    bytes.advance(5);
    let mut list = Rows::decode(bytes).unwrap();
    let encoding = Encoding {
        id: |row: &Bytes| Named::decode(row.clone()).unwrap().id,
        rename: |row| replaced(row, "foreign", ""),
        retype: |row| replaced(row, "", "book"),
        spoilt: || Bytes::from_static(&[0xff]),
    };
    distort(does, &mut list.rows, &encoding);
    let message = list.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &length[..], &message].concat().into()
}

fn distorted_json(does: Does, bytes: &[u8]) -> Bytes {
    let encoding = Encoding {
        id: |row: &Value| row["id"].as_str().or(row["recordId"].as_str()).unwrap_or_default().to_owned(),
        rename: |row| {
            let key = if row.get("id").is_some() { "id" } else { "recordId" };
            row[key] = json!("foreign");
        },
        retype: |row| row["recordType"] = json!("book"),
        spoilt: || json!("spoilt"),
    };
    let mut body: Value = serde_json::from_slice(bytes).unwrap();
    let list = if body.get("aggregates").is_some() { "aggregates" } else { "metadata" };
    match body.get_mut(list).and_then(Value::as_array_mut) {
        Some(rows) => distort(does, rows, &encoding),
        // A single record has no room for another.
        None => {
            let mut rows = vec![body];
            distort(does, &mut rows, &encoding);
            body = rows.swap_remove(0);
        }
    }
    body.to_string().into()
}
