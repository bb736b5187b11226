//! Merged single reads, checked against the data that was stored before each was sent.

use crate::stack::Stack;
use axum::http::{Method, StatusCode};
use futures::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::timeout;

const MOVIES: usize = 8;

/// The stored state of each movie: the number in its title, and the number of its ratings.
#[derive(Default)]
struct Stored {
    titles: [AtomicU64; MOVIES],
    ratings: [AtomicU64; MOVIES],
}

/// Repeatedly changes a movie's title and adds a rating.
async fn write(stack: &Stack, stored: &Stored, movie: usize) {
    for number in 1..=20 {
        let body = json!({ "title": number.to_string() }).to_string();
        let metadata = stack.metadata.as_ref().unwrap();
        let put = metadata.send(Method::PUT, &format!("/v1/metadata/{movie}"), Some(&body)).await.unwrap();
        assert!(put.status.is_success(), "{:?}", put.body);
        stored.titles[movie].store(number, Ordering::SeqCst);
        stack.rate(&movie.to_string(), &number.to_string(), 7).await;
        stored.ratings[movie].store(number, Ordering::SeqCst);
    }
}

async fn read(stack: &Stack, stored: &Stored, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..60 {
        // One more than exist.
        let movie = random.random_range(0..=MOVIES);
        let before = |counts: &[AtomicU64]| counts.get(movie).map(|count| count.load(Ordering::SeqCst));
        let (title, ratings) = (before(&stored.titles), before(&stored.ratings));
        let path = format!("/v1/movies/{movie}");
        if random.random_ratio(1, 8) {
            let _ =
                timeout(Duration::from_micros(random.random_range(0..3000)), stack.movie.get(&path)).await;
            continue;
        }
        let response = stack.movie.get(&path).await.unwrap();
        let (Some(title), Some(ratings)) = (title, ratings) else {
            assert_eq!(response.status, StatusCode::NOT_FOUND);
            continue;
        };
        if response.status == StatusCode::NOT_FOUND {
            assert_eq!(title, 0, "movie {movie} has disappeared");
            continue;
        }
        let found = response.json();
        assert_eq!(found["metadata"]["id"], movie.to_string(), "{found}");
        let found_title: u64 = found["metadata"]["title"].as_str().unwrap().parse().unwrap();
        assert!(found_title >= title, "{found} after {title}");
        assert_eq!(found.get("partial"), None, "{found}");
        let count = found.get("rating").map_or(0, |rating| rating["count"].as_u64().unwrap());
        assert!(count >= ratings, "{found} after {ratings} ratings");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn response_is_never_older_than_request() {
    for gateway in ["grpc", "http"] {
        let (stack, stored) = (Stack::start(gateway).await, Stored::default());
        let writers = join_all((0..MOVIES).map(|movie| write(&stack, &stored, movie)));
        let readers = join_all((0..32).map(|seed| read(&stack, &stored, seed)));
        tokio::join!(writers, readers);
        stack.stop().await;
    }
}
