//! The three services in one process, found through one registry.

use discovery::Registry;
use serde_json::json;
use service::testing::Running;
use std::sync::Arc;

/// Three services; each can be stopped alone.
pub(crate) struct Stack {
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) metadata: Option<Running>,
    pub(crate) rating: Option<Running>,
    pub(crate) movie: Running,
}

fn parsed<C: clap::Parser>(arguments: &[&str], chassis: &[&str]) -> C {
    let common = ["--workers", "2", "--drain-timeout", "1s"];
    service::testing::parse(arguments.iter().chain(&common).chain(chassis).copied()).unwrap()
}

pub(crate) async fn start_rating(registry: &Arc<dyn Registry>) -> Running {
    start_rating_as(registry, &["--request-timeout", "1s"]).await
}

async fn start_rating_as(registry: &Arc<dyn Registry>, chassis: &[&str]) -> Running {
    let config: rating::Config = parsed(&["rating", "--database", "memory:"], chassis);
    Running::start("rating", registry, |registry, stop| rating::run(config, registry, stop)).await.unwrap()
}

impl Stack {
    /// Starts all three; `gateway` is `grpc` or `http`.
    pub(crate) async fn start(gateway: &str) -> Self {
        Self::start_with(&["movie", "--gateway", gateway]).await
    }

    /// Starts all three, with these arguments for movie.
    pub(crate) async fn start_with(movie: &[&str]) -> Self {
        Self::start_within("1s", movie).await
    }

    /// Starts all three with a time limit of their requests, and with these arguments for movie.
    pub(crate) async fn start_within(request_timeout: &str, movie: &[&str]) -> Self {
        Self::start_as(&["--request-timeout", request_timeout], movie).await
    }

    /// Starts all three with these arguments that every service has, and with these for movie.
    pub(crate) async fn start_as(chassis: &[&str], movie: &[&str]) -> Self {
        let registry: Arc<dyn Registry> = discovery::memory::Registry::new();
        let config: metadata::Config = parsed(&["metadata", "--database", "memory:"], chassis);
        let metadata =
            Running::start("metadata", &registry, |registry, stop| metadata::run(config, registry, stop));
        let metadata = Some(metadata.await.unwrap());
        let rating = Some(start_rating_as(&registry, chassis).await);
        let config: movie::Config = parsed(movie, chassis);
        let movie = Running::start("movie", &registry, |registry, stop| movie::run(config, registry, stop));
        let movie = movie.await.unwrap();
        Self { registry, metadata, rating, movie }
    }

    /// Stores movies with these ids, `Movie <id>` by title.
    pub(crate) async fn put_movies(&self, ids: impl IntoIterator<Item = String>) {
        let rows: Vec<_> =
            ids.into_iter().map(|id| json!({ "title": format!("Movie {id}"), "id": id })).collect();
        let body = json!({ "metadata": rows }).to_string();
        let metadata = self.metadata.as_ref().unwrap();
        let put =
            metadata.send(axum::http::Method::POST, "/v1/metadata:batchPut", Some(&body)).await.unwrap();
        assert_eq!(put.status, 200, "{:?}", put.body);
    }

    /// Stores a rating of a movie by `user`.
    pub(crate) async fn rate(&self, id: &str, user: &str, value: u8) {
        let path = format!("/rating?id={id}&type=movie&userId={user}&value={value}");
        let put = self.rating.as_ref().unwrap().send(axum::http::Method::PUT, &path, None).await.unwrap();
        assert!(put.status.is_success(), "{:?}", put.body);
    }

    /// Returns the number of times that movie has ejected an instance.
    pub(crate) async fn ejections(&self) -> u64 {
        let metrics = self.movie.get("/metrics").await.unwrap().body;
        let text = String::from_utf8(metrics.to_vec()).unwrap();
        let rows = text.lines().filter(|line| line.starts_with("client_ejections_total{"));
        let counts: Vec<u64> = rows.map(|row| row.rsplit_once(' ').unwrap().1.parse().unwrap()).collect();
        assert_eq!(counts.len(), 2, "{text}");
        counts.iter().sum()
    }

    pub(crate) async fn stop(self) {
        self.movie.stop().await.unwrap();
        for running in [self.metadata, self.rating].into_iter().flatten() {
            running.stop().await.unwrap();
        }
    }
}
