//! The headers of movie's calls to backends that only note them.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode};
use discovery::Registry;
use service::testing::Running;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

/// The paths and headers of the requests that were received.
type Noted = Arc<Mutex<Vec<(String, HeaderMap)>>>;

async fn note(State(noted): State<Noted>, request: Request<Body>) -> StatusCode {
    let (head, _) = request.into_parts();
    noted.lock().unwrap().push((head.uri.path().to_owned(), head.headers));
    StatusCode::SERVICE_UNAVAILABLE
}

async fn backend() -> (String, Noted, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let noted = Noted::default();
    let router = Router::new().fallback(note).with_state(noted.clone());
    let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, noted, AbortOnDropHandle::new(task))
}

fn is_check(path: &str) -> bool {
    path == "/healthz" || path.starts_with("/grpc.health.")
}

/// Returns the headers of health checks, and those of the calls for one movie that is requested with `headers`.
async fn called(arguments: &[&str], headers: &[(&str, &str)]) -> (Vec<HeaderMap>, Vec<HeaderMap>) {
    let (url, noted, _backend) = backend().await;
    let urls = ["--metadata-url", &url, "--rating-url", &url, "--workers", "1", "--drain-timeout", "1s"];
    let config: movie::Config =
        service::testing::parse(["movie"].iter().chain(arguments).chain(&urls).copied()).unwrap();
    let registry: Arc<dyn Registry> = discovery::memory::Registry::new();
    let movie = Running::start("movie", &registry, |registry, stop| movie::run(config, registry, stop));
    let movie = movie.await.unwrap();
    let has_checks = || noted.lock().unwrap().iter().filter(|(path, _)| is_check(path)).count() == 2;
    let checked = async {
        while !has_checks() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(10), checked).await.unwrap();
    let mut request = http::Request::get(format!("http://{}/v1/movies/1", movie.authority()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let client =
        hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build_http();
    let request = request.body(http_body_util::Empty::<bytes::Bytes>::new()).unwrap();
    assert_eq!(client.request(request).await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    movie.stop().await.unwrap();
    let noted = std::mem::take(&mut *noted.lock().unwrap());
    let (checks, calls): (Vec<_>, Vec<_>) = noted.into_iter().partition(|(path, _)| is_check(path));
    assert!(calls.len() >= 2, "{calls:?}");
    let headers =
        |requests: Vec<(String, HeaderMap)>| requests.into_iter().map(|(_, headers)| headers).collect();
    (headers(checks), headers(calls))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn calls_carry_context_and_id_of_their_request() {
    // Nothing listens there; that concerns nobody but the export.
    let on = ["--otlp-endpoint", "http://127.0.0.1:9"];
    let parent = |flags: &str| format!("00-{TRACE}-{SPAN}-{flags}");
    let (sampled, unsampled) = (parent("01"), parent("00"));
    for gateway in ["grpc", "http"] {
        let gateway = ["--gateway", gateway];
        let id = ("x-request-id", "given");
        let off = called(&gateway, &[("traceparent", &sampled), id]).await;
        let [on_sampled, on_unsampled, on_alone] = [
            called(&[gateway, on].concat(), &[("traceparent", &sampled), ("tracestate", "a=1"), id]).await,
            called(&[gateway, on].concat(), &[("traceparent", &unsampled), id]).await,
            called(&[&gateway[..], &on, &["--trace-sampler", "always_off"]].concat(), &[]).await,
        ];
        for (checks, calls) in [&off, &on_sampled, &on_unsampled, &on_alone] {
            for headers in checks {
                for name in ["traceparent", "tracestate", "x-request-id"] {
                    assert_eq!(text(headers, name), "", "{gateway:?}: a health check belongs to no request");
                }
            }
            assert_eq!(checks.len(), 2);
            assert!(calls.iter().all(|headers| headers.get_all("traceparent").iter().count() <= 1));
        }
        for headers in &off.1 {
            assert_eq!([text(headers, "traceparent"), text(headers, "x-request-id")], ["", "given"]);
        }
        for headers in &on_sampled.1 {
            let parent = text(headers, "traceparent");
            assert!(parent.starts_with(&format!("00-{TRACE}-")) && parent.ends_with("-01"), "{parent}");
            assert!(!parent.contains(SPAN), "{parent}: the attempt is the parent");
            assert_eq!([text(headers, "tracestate"), text(headers, "x-request-id")], ["a=1", "given"]);
        }
        for headers in &on_unsampled.1 {
            assert!(text(headers, "traceparent").ends_with("-00"), "{headers:?}");
            assert_eq!(text(headers, "x-request-id"), "given");
        }
        for headers in &on_alone.1 {
            assert!(text(headers, "traceparent").ends_with("-00"), "{headers:?}");
            assert_eq!(text(headers, "x-request-id"), "");
        }
    }
}
