//! The traces of requests, as an OTLP endpoint receives them from all three services.

use crate::stack::Stack;
use bytes::Bytes;
use discovery::Instance;
use http_body_util::{BodyExt, Empty};
use hyper::{Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use service::testing::Running;
use std::time::{Duration, Instant};
use tokio::time::sleep;
use trace::testing::{ReceivedKind, ReceivedSpan, Receiver, listener};

const WITHIN: Duration = Duration::from_secs(20);
const GATEWAYS: [&str; 2] = ["grpc", "http"];
const EDGE: &str = "GET /v1/movies/{id}";

/// The spans of the requests that store movies and ratings.
const SETUP: [&str; 2] = ["POST /v1/metadata:batchPut", "PUT /rating"];

/// Starts the three services with these arguments for movie; all of them export to the receiver.
async fn start(movie: &[&str]) -> (Stack, Receiver) {
    let (listener, address) = listener().await.unwrap();
    let (receiver, _) = Receiver::start(listener);
    let endpoint = format!("http://{address}");
    let traces = ["--request-timeout", "1s", "--otlp-endpoint", &endpoint, "--trace-max-rate", "10000"];
    let stack = Stack::start_as(&traces, movie).await;
    stack.put_movies(["1".to_owned(), "2".to_owned()]).await;
    (stack, receiver)
}

/// Sends a GET with these headers.
async fn get(service: &Running, path: &str, headers: &[(&str, &str)]) -> (StatusCode, Bytes) {
    let mut request = Request::get(format!("http://{}{path}", service.authority()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
    (response.status(), response.into_body().collect().await.unwrap().to_bytes())
}

fn child<'a>(spans: &'a [ReceivedSpan], parent: &ReceivedSpan, name: &str) -> Option<&'a ReceivedSpan> {
    spans.iter().find(|span| span.is_child_of(parent) && span.name == name)
}

fn attribute(span: &ReceivedSpan, key: &str) -> String {
    span.attribute(key).unwrap_or_default()
}

#[tokio::test]
async fn movie_is_one_tree_from_edge_to_backends() {
    let calls = [
        ["metadata.v1.MetadataService/BatchGetMetadata", "rating.v1.RatingService/BatchGetAggregatedRatings"],
        ["GET /v1/metadata/{id}", "GET /v1/ratings/{type}/{id}"],
    ];
    for (gateway, calls) in GATEWAYS.into_iter().zip(calls) {
        let (stack, receiver) = start(&["movie", "--gateway", gateway]).await;
        assert_eq!(get(&stack.movie, "/v1/movies/1", &[]).await.0, 200);
        let tree = |spans: &[ReceivedSpan]| {
            let edge = spans.iter().find(|span| span.name == EDGE)?;
            let join = child(spans, edge, "get movie")?;
            let branch = |service: &str, call: &str| {
                let read = child(spans, join, &format!("read {service}"))?;
                let batch = child(spans, read, &format!("coalesce {service}"))?;
                let attempt = child(spans, batch, call)?;
                Some([batch, attempt, child(spans, attempt, call)?].map(Clone::clone))
            };
            Some((edge.clone(), branch("metadata", calls[0])?, branch("rating", calls[1])?))
        };
        let found = receiver.wait(WITHIN, tree).await;
        let (edge, metadata, rating) = found.unwrap_or_else(|spans| panic!("{gateway}: {spans}"));
        assert!(edge.parent_span_id.is_empty() && edge.service() == "movie");
        for (service, running, [batch, attempt, server]) in
            [("metadata", &stack.metadata, metadata), ("rating", &stack.rating, rating)]
        {
            assert_eq!(attribute(&batch, "marquee.batch.size"), "1");
            assert_eq!(attribute(&batch, "marquee.batch.sampled"), "1");
            let address = running.as_ref().unwrap().authority();
            let called = ["server.address", "server.port"].map(|key| attribute(&attempt, key));
            assert_eq!(called.join(":"), address);
            let instance = attribute(&attempt, "marquee.instance.id");
            assert_eq!(server.resource("service.instance.id"), Some(instance), "{gateway} {service}");
            assert_eq!((attempt.kind(), server.kind()), (ReceivedKind::Client, ReceivedKind::Server));
            assert_eq!([attempt.service(), server.service()], ["movie", service]);
            // There is no rating: REST reports that as 404, gRPC as a batch without rows.
            let (status, outcome) = match (gateway, service) {
                ("http", "rating") => (("http.response.status_code", "404"), "application"),
                ("http", _) => (("http.response.status_code", "200"), "ok"),
                _ => (("rpc.grpc.status_code", "0"), "ok"),
            };
            assert_eq!(attribute(&attempt, status.0), status.1);
            assert_eq!(attribute(&attempt, "marquee.attempt.outcome"), outcome);
            assert_eq!(attribute(&attempt, "marquee.attempt.reason"), "first");
            assert!(!attempt.has_failed() && !batch.has_failed());
        }
        stack.stop().await;
    }
}

/// Returns an attempt with this `reason` and the one before, of a movie that is read while another instance of rating is
/// registered at `authority`.
async fn siblings(movie: &[&str], authority: &str, reason: &str) -> [ReceivedSpan; 2] {
    let (stack, receiver) = start(movie).await;
    assert_eq!(get(&stack.movie, "/v1/movies/1", &[]).await.0, 200);
    let (host, port) = authority.rsplit_once(':').unwrap();
    let instance = Instance {
        service: "rating".into(),
        id: "broken".into(),
        host: host.into(),
        port: port.parse().unwrap(),
        tags: Vec::new(),
    };
    stack.registry.register(&instance).await.unwrap();
    let find = |spans: &[ReceivedSpan]| {
        let later = spans.iter().find(|span| attribute(span, "marquee.attempt.reason") == reason)?;
        let is_earlier = |span: &&ReceivedSpan| {
            (&span.trace_id, &span.parent_span_id) == (&later.trace_id, &later.parent_span_id)
                && attribute(span, "marquee.attempt") == "1"
        };
        Some([spans.iter().find(is_earlier)?, later].map(Clone::clone))
    };
    let deadline = Instant::now() + WITHIN;
    let found = loop {
        assert_eq!(get(&stack.movie, "/v1/movies/1", &[]).await.0, 200);
        if let Some(found) = find(&receiver.spans()) {
            break found;
        }
        assert!(Instant::now() < deadline, "no {reason}: {:#?}", receiver.spans());
        sleep(Duration::from_millis(20)).await;
    };
    stack.stop().await;
    found
}

#[tokio::test]
async fn retry_is_sibling_of_failed_attempt() {
    for gateway in GATEWAYS {
        let (listener, address) = listener().await.unwrap();
        // Nothing listens there any more.
        drop(listener);
        let [first, retry] = siblings(&["movie", "--gateway", gateway], &address.to_string(), "retry").await;
        assert_eq!(attribute(&first, "marquee.instance.id"), "broken");
        assert_eq!(attribute(&first, "marquee.attempt.outcome"), "unsent");
        assert!(first.has_failed() && !first.status.as_ref().unwrap().message.is_empty(), "{first:?}");
        assert!(first.event_names().contains(&"instance ejected"), "{first:?}");
        assert!(attribute(&retry, "marquee.instance.id").starts_with("rating-"));
        assert_eq!(attribute(&retry, "marquee.attempt"), "2");
        assert!(!retry.has_failed(), "{retry:?}");
    }
}

#[tokio::test]
async fn hedge_is_sibling_of_silent_attempt_which_outlives_its_caller() {
    for gateway in GATEWAYS {
        // Connections are accepted by the kernel, and no program reads them.
        let frozen = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = frozen.local_addr().unwrap().to_string();
        let movie = ["movie", "--gateway", gateway, "--hedge-after", "20ms"];
        let [first, hedge] = siblings(&movie, &address, "hedge").await;
        assert_eq!(attribute(&first, "marquee.instance.id"), "broken");
        assert_eq!(attribute(&first, "marquee.attempt.outcome"), "silent");
        assert_eq!(first.event_names(), ["abandoned", "silent", "instance ejected"]);
        assert!(first.end_time_unix_nano > hedge.end_time_unix_nano);
        assert!(attribute(&hedge, "marquee.instance.id").starts_with("rating-"));
        assert!(!hedge.has_failed(), "{hedge:?}");
    }
}

#[tokio::test]
async fn unsampled_requests_have_no_spans_in_any_service() {
    let unsampled = ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
    let sampled = ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    for gateway in GATEWAYS {
        for (sampler, headers) in [
            ("parentbased_always_on", &[unsampled][..]),
            ("parentbased_always_off", &[]),
            // The backends would sample by themselves; with a caller's flag as well.
            ("always_off", &[sampled]),
            ("always_off", &[]),
        ] {
            let (stack, receiver) = start(&["movie", "--gateway", gateway, "--trace-sampler", sampler]).await;
            for path in ["/v1/movies/1", "/v1/movies?ids=1,2", "/v1/movies?query=movie", "/v1/top/movies"] {
                assert_eq!(get(&stack.movie, path, headers).await.0, 200, "{path}");
            }
            // Spans arrive in their order: those of movie's calls would be there before these.
            let backends = [&stack.metadata, &stack.rating].map(|running| running.as_ref().unwrap());
            for (backend, path) in backends.into_iter().zip(["/v1/metadata/1", "/v1/users/ann/ratings"]) {
                assert_eq!(get(backend, path, &[]).await.0, 200);
            }
            let last = ["GET /v1/metadata/{id}", "GET /v1/users/{user}/ratings"];
            let all = |spans: &[ReceivedSpan]| {
                let has = |name: &&str| spans.iter().any(|span| span.name == *name);
                last.iter().all(has).then(|| spans.to_vec())
            };
            let spans = receiver.wait(WITHIN, all).await.unwrap();
            let servers = spans.iter().filter(|span| span.kind() == ReceivedKind::Server);
            let mut names: Vec<_> = servers.map(|span| span.name.as_str()).collect();
            names.retain(|name| !SETUP.contains(name));
            names.sort_unstable();
            assert_eq!(names, last, "{gateway} {sampler}");
            assert!(spans.iter().all(|span| span.service() != "movie"), "{gateway} {sampler}: {spans:#?}");
            stack.stop().await;
        }
    }
}

#[tokio::test]
async fn malformed_context_starts_new_trace() {
    let (stack, receiver) = start(&["movie"]).await;
    let malformed = [
        "",
        "00",
        "garbage",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
    ];
    for parent in malformed {
        let headers = [("traceparent", parent), ("tracestate", "a=1,a=2")];
        assert_eq!(get(&stack.movie, "/v1/movies/1", &headers).await.0, 200, "{parent}");
    }
    // A tracestate over its limits is left out, and the trace goes on.
    let state = format!("a={}", "x".repeat(600));
    let valid =
        [("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), ("tracestate", &*state)];
    assert_eq!(get(&stack.movie, "/v1/movies/1", &valid).await.0, 200);
    let edges = |spans: &[ReceivedSpan]| {
        let edges: Vec<_> = spans.iter().filter(|span| span.name == EDGE).cloned().collect();
        (edges.len() > malformed.len()).then_some(edges)
    };
    let edges = receiver.wait(WITHIN, edges).await.unwrap();
    let (roots, others): (Vec<_>, Vec<_>) = edges.iter().partition(|edge| edge.parent_span_id.is_empty());
    assert_eq!((roots.len(), others.len()), (malformed.len(), 1), "{edges:#?}");
    assert!(others[0].trace_state.is_empty());
    stack.stop().await;
}

#[tokio::test]
async fn trace_shows_cached_and_partial_movie() {
    let (mut stack, receiver) = start(&["movie", "--cache-ttl", "1m"]).await;
    for _ in 0..2 {
        assert_eq!(get(&stack.movie, "/v1/movies/1", &[]).await.0, 200);
    }
    stack.rating.take().unwrap().stop().await.unwrap();
    assert_eq!(get(&stack.movie, "/v1/movies/2", &[]).await.0, 200);
    let find = |spans: &[ReceivedSpan]| {
        let named = |name| spans.iter().filter(move |span: &&ReceivedSpan| span.name == name);
        let edges: Vec<_> = named(EDGE).map(|edge| attribute(edge, "marquee.cache")).collect();
        let joins: Vec<_> = named("get movie").map(|join| attribute(join, "marquee.partial")).collect();
        (edges.len() == 3).then_some((edges, joins))
    };
    let (edges, joins) = receiver.wait(WITHIN, find).await.unwrap();
    assert_eq!(edges, ["miss", "hit", "miss"]);
    assert_eq!(joins, ["", "rating"]);
    stack.stop().await;
}
