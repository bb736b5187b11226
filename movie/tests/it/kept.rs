//! The response cache.

use crate::stack::{Stack, start_rating};
use axum::http::Method;
use futures::future::join_all;
use serde_json::Value;
use std::time::{Duration, Instant};

async fn start(ttl: &str) -> Stack {
    let stack = Stack::start_with(&["movie", "--cache-ttl", ttl]).await;
    stack.put_movies(["1".to_owned()]).await;
    stack
}

async fn movie(stack: &Stack) -> Value {
    stack.movie.get("/v1/movies/1").await.unwrap().json()
}

/// Reads the movie until it is as `wanted`.
async fn eventually(stack: &Stack, wanted: impl Fn(&Value) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let movie = movie(stack).await;
        if wanted(&movie) {
            return;
        }
        assert!(Instant::now() < deadline, "still {movie}");
    }
}

async fn retitle(stack: &Stack) {
    let metadata = stack.metadata.as_ref().unwrap();
    let put = metadata.send(Method::PUT, "/v1/metadata/1", Some(r#"{"title":"Another"}"#)).await.unwrap();
    assert_eq!(put.status, 200);
}

#[tokio::test]
async fn workers_share_cached_movies() {
    let stack = start("1m").await;
    assert_eq!(movie(&stack).await["metadata"]["title"], "Movie 1");
    retitle(&stack).await;
    for response in join_all((0..40).map(|_| movie(&stack))).await {
        assert_eq!(response["metadata"]["title"], "Movie 1");
    }
    let metrics = stack.movie.get("/metrics").await.unwrap().body;
    let metrics = String::from_utf8(metrics.to_vec()).unwrap();
    for row in ["cache_hits_total{cache=\"responses\"} 40", "cache_misses_total{cache=\"responses\"} 1"] {
        assert!(metrics.lines().any(|line| line == row), "{row}: {metrics}");
    }
    stack.stop().await;
}

#[tokio::test]
async fn expired_movie_is_read_again() {
    let stack = start("30ms").await;
    movie(&stack).await;
    retitle(&stack).await;
    eventually(&stack, |movie| movie["metadata"]["title"] == "Another").await;
    stack.stop().await;
}

#[tokio::test]
async fn partial_movie_is_not_cached_and_complete_one_outlives_its_services() {
    let mut stack = start("1m").await;
    stack.rating.take().unwrap().stop().await.unwrap();
    assert_eq!(movie(&stack).await["partial"], serde_json::json!(["rating"]));
    stack.rating = Some(start_rating(&stack.registry).await);
    stack.rate("1", "ann", 8).await;
    eventually(&stack, |movie| movie["rating"]["sum"] == 8).await;
    stack.rating.take().unwrap().stop().await.unwrap();
    assert_eq!(movie(&stack).await["rating"]["sum"], 8);
    stack.stop().await;
}
