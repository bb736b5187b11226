//! Callers with short deadlines and callers that hang up: no instance is ejected, and no other call fails.

use crate::stack::{Stack, start_rating};
use api::movie::v1::BatchGetMovieDetailsRequest;
use api::movie::v1::movie_service_client::MovieServiceClient;
use futures::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// The number of movies.
const MOVIES: usize = 50;

async fn start(movie: &[&str]) -> Stack {
    let stack = Stack::start_with(movie).await;
    stack.put_movies((0..MOVIES).map(|n| n.to_string())).await;
    stack
}

/// Reads movies one after the other until `done`; each must be complete.
async fn read(stack: &Stack, done: &CancellationToken) -> usize {
    let mut reads = 0;
    while !done.is_cancelled() {
        let path = match reads % 2 {
            0 => format!("/v1/movies/{}", reads % MOVIES),
            _ => "/v1/movies?query=movie&pageSize=5".to_owned(),
        };
        let response = stack.movie.get(&path).await.unwrap();
        assert_eq!(response.status, 200, "read {reads}: {:?}", response.body);
        assert!(!response.json().to_string().contains("partial"), "read {reads}: {:?}", response.body);
        reads += 1;
    }
    reads
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_short_deadlines_eject_nothing() {
    let stack = start(&["movie"]).await;
    let done = CancellationToken::new();
    let impatient = async {
        let client = MovieServiceClient::new(stack.movie.channel().await.unwrap());
        for _ in 0..40 {
            let calls = (0..10).map(|_| {
                let mut client = client.clone();
                let ids = (0..MOVIES).map(|n| n.to_string()).collect();
                let mut request = tonic::Request::new(BatchGetMovieDetailsRequest { ids });
                request.set_timeout(Duration::from_micros(500));
                async move { client.batch_get_movie_details(request).await.is_err() }
            });
            join_all(calls).await;
        }
        done.cancel();
    };
    let (reads, ()) = tokio::join!(read(&stack, &done), impatient);
    assert!(reads > 0);
    assert_eq!(stack.ejections().await, 0);
    stack.stop().await;
}

/// Searches in bursts whose callers all hang up at a random time.
async fn hang_up(stack: &Stack, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..6 {
        let patience = Duration::from_micros(random.random_range(0..8000));
        let searches = (0..60).map(|n| {
            stack.movie.get(if n % 2 == 0 {
                "/v1/movies?query=movie&pageSize=50"
            } else {
                "/v1/movies?pageSize=50"
            })
        });
        // Some are served before that.
        let _ = timeout(patience, join_all(searches)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelled_calls_and_hedged_reads_eject_nothing_and_fail_no_other_call() {
    for hedge in ["1ms", "p95"] {
        let stack = start(&["movie", "--hedge-after", hedge]).await;
        let another = start_rating(&stack.registry).await;
        let done = CancellationToken::new();
        let hang_ups = async {
            join_all((0..2).map(|seed| hang_up(&stack, seed))).await;
            done.cancel();
        };
        let (reads, ()) = tokio::join!(join_all((0..2).map(|_| read(&stack, &done))), hang_ups);
        assert!(reads.iter().all(|reads| *reads > 0), "{hedge}: {reads:?}");
        assert_eq!(stack.ejections().await, 0, "{hedge}");
        another.stop().await.unwrap();
        stack.stop().await;
    }
}
