//! Responses of backend services that do not match the request, and calls that fail for one id or for all.

use crate::stack::Stack;
use crate::stand_in::{Does, StandIn};
use axum::http::StatusCode;
use futures::future::join_all;
use serde_json::{Value, json};
use service::testing::Running;

const GATEWAYS: [&str; 2] = ["grpc", "http"];

/// A movie service that calls its backends through proxies.
struct Proxied {
    stack: Stack,
    metadata: StandIn,
    rating: StandIn,
    movie: Running,
}

impl Proxied {
    async fn start(gateway: &str, ids: &[String]) -> Self {
        let stack = Stack::start(gateway).await;
        stack.put_movies(ids.iter().cloned()).await;
        for id in ids {
            stack.rate(id, "ann", 7).await;
        }
        let metadata = StandIn::start(stack.metadata.as_ref().unwrap().authority()).await;
        let rating = StandIn::start(stack.rating.as_ref().unwrap().authority()).await;
        let arguments = ["movie", "--gateway", gateway, "--cache-ttl", "1h"];
        let places = ["--metadata-url", &metadata.url, "--rating-url", &rating.url];
        let chassis = ["--workers", "2", "--request-timeout", "5s", "--drain-timeout", "1s"];
        let arguments = arguments.into_iter().chain(places).chain(chassis);
        let config: movie::Config = service::testing::parse(arguments).unwrap();
        let registry: std::sync::Arc<dyn discovery::Registry> = discovery::memory::Registry::new();
        let movie = Running::start("movie", &registry, |registry, stop| movie::run(config, registry, stop));
        let movie = movie.await.unwrap();
        Self { stack, metadata, rating, movie }
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        let response = self.movie.get(path).await.unwrap();
        (response.status, response.json())
    }

    async fn stop(self) {
        self.movie.stop().await.unwrap();
        self.stack.stop().await;
    }
}

/// Returns the ids of a list, each with whether it is rated and whether it is partial.
fn rows(list: &Value) -> Vec<(String, bool, bool)> {
    let row = |movie: &Value| {
        let id = movie["metadata"]["id"].as_str().unwrap().to_owned();
        (id, movie.get("rating").is_some(), movie.get("partial") == Some(&json!(["rating"])))
    };
    list["movies"].as_array().unwrap().iter().map(row).collect()
}

fn all(ids: [&str; 3], rated: bool) -> Vec<(String, bool, bool)> {
    ids.map(|id| (id.to_owned(), rated, !rated)).into()
}

const BATCH: &str = "/v1/movies?ids=3,1,2";
const SEARCH: &str = "/v1/movies?query=movie";
const TOP: &str = "/v1/top/movies?minCount=1";

#[tokio::test]
async fn rows_are_joined_by_id_and_unexpected_rows_fail_their_part() {
    for gateway in GATEWAYS {
        let stack = Proxied::start(gateway, &["1", "2", "3"].map(str::to_owned)).await;
        for backend in [&stack.metadata, &stack.rating] {
            backend.now(Does::Reverse);
        }
        assert_eq!(rows(&stack.get(BATCH).await.1), all(["3", "1", "2"], true), "{gateway}");
        assert_eq!(rows(&stack.get(SEARCH).await.1).len(), 3, "{gateway}");
        assert!(rows(&stack.get(TOP).await.1).iter().all(|(_, rated, _)| *rated), "{gateway}");
        stack.metadata.now(Does::Forward);

        for does in [Does::AddForeign, Does::Repeat, Does::Rename, Does::Retype] {
            stack.rating.now(does);
            assert_eq!(rows(&stack.get(BATCH).await.1), all(["3", "1", "2"], false), "{gateway} {does:?}");
            assert_eq!(rows(&stack.get(SEARCH).await.1), all(["1", "2", "3"], false), "{gateway} {does:?}");
            // A list may contain any record once.
            if matches!(does, Does::Repeat | Does::Retype) {
                assert_eq!(stack.get(TOP).await.0, StatusCode::SERVICE_UNAVAILABLE, "{gateway} {does:?}");
            }
            // Over REST a single record has no room for another.
            if gateway == "grpc" || matches!(does, Does::Rename | Does::Retype) {
                let (status, movie) = stack.get("/v1/movies/1").await;
                assert_eq!(
                    (status, &movie["partial"]),
                    (StatusCode::OK, &json!(["rating"])),
                    "{gateway} {does:?}"
                );
                assert_eq!(movie.get("rating"), None, "{gateway} {does:?}");
            }
        }
        stack.rating.now(Does::Forward);

        for does in [Does::AddForeign, Does::Repeat, Does::Rename] {
            stack.metadata.now(does);
            assert_eq!(stack.get(BATCH).await.0, StatusCode::SERVICE_UNAVAILABLE, "{gateway} {does:?}");
            assert_eq!(stack.get(TOP).await.0, StatusCode::SERVICE_UNAVAILABLE, "{gateway} {does:?}");
            if does == Does::Repeat {
                assert_eq!(stack.get(SEARCH).await.0, StatusCode::SERVICE_UNAVAILABLE, "{gateway}");
            }
            if gateway == "grpc" || does == Does::Rename {
                let (status, problem) = stack.get("/v1/movies/1").await;
                assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{gateway} {does:?} {problem}");
            }
        }
        stack.metadata.now(Does::Forward);

        // None of it was cached.
        let (_, movie) = stack.get("/v1/movies/1").await;
        assert_eq!(
            (&movie["metadata"]["id"], &movie["rating"]["count"]),
            (&json!("1"), &json!(1)),
            "{gateway}"
        );
        assert_eq!(movie.get("partial"), None, "{gateway}");
        stack.stop().await;
    }
}

/// Reads single movies, all at the same time; returns which are partial.
async fn wave(stack: &Proxied, ids: impl Iterator<Item = usize>) -> Vec<bool> {
    let reads = ids.map(async |id| {
        let (status, movie) = stack.get(&format!("/v1/movies/{id}")).await;
        assert_eq!(status, StatusCode::OK, "{movie}");
        movie.get("partial").is_some()
    });
    join_all(reads).await
}

#[tokio::test]
async fn undecodable_rating_fails_alone_and_failing_service_gets_no_more_calls() {
    for gateway in GATEWAYS {
        let ids: Vec<String> = (0..60).map(|id| id.to_string()).collect();
        let stack = Proxied::start(gateway, &ids).await;
        stack.rating.now(Does::Spoil("7"));
        let partial = wave(&stack, 0..40).await;
        let failed: Vec<usize> = (0..40).filter(|id| partial[*id]).collect();
        assert_eq!(failed, [7], "{gateway}");

        // The other movies are cached by now; these are not.
        stack.rating.now(Does::Fail);
        stack.rating.take_calls();
        stack.metadata.take_calls();
        for _ in 0..40 {
            assert!(wave(&stack, 40..60).await.into_iter().all(|partial| partial), "{gateway}");
        }
        let (well, failing) = (stack.metadata.take_calls(), stack.rating.take_calls());
        // Each service got the same number of reads. Failing reads may merge differently, and each worker stops splitting
        // after six.
        assert!(
            failing * 10 <= well * 13 + 200,
            "{gateway}: {failing} calls, {well} to the service that is well"
        );
        stack.stop().await;
    }
}
