//! Joined movies while both services are healthy, and while one is not.

use crate::stack::{Stack, start_rating};
use api::compat::movie_service_client::MovieServiceClient as WithoutPackage;
use api::movie::v1 as proto;
use api::movie::v1::movie_service_client::MovieServiceClient;
use axum::http::StatusCode;
use serde_json::{Value, json};
use service::testing::document;
use std::time::{Duration, Instant};
use tonic::Code;

const GATEWAYS: [&str; 2] = ["grpc", "http"];

fn ids(page: &Value) -> Vec<String> {
    let rows = page["movies"].as_array().unwrap();
    rows.iter().map(|row| row["metadata"]["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn movie_has_metadata_and_rating() {
    for gateway in GATEWAYS {
        let stack = Stack::start(gateway).await;
        stack.put_movies(["1".to_owned(), "a/b".to_owned()]).await;
        stack.rate("1", "ann", 4).await;
        stack.rate("1", "bob", 5).await;
        let whole = stack.movie.get("/v1/movies/1").await.unwrap().json();
        assert_eq!(whole["metadata"]["title"], "Movie 1", "{gateway}");
        assert_eq!(
            (&whole["rating"]["count"], &whole["rating"]["mean"]),
            (&json!(2), &json!(4.5)),
            "{gateway}"
        );
        assert_eq!(whole.get("partial"), None);
        for path in ["/movie?id=1", "/?id=1"] {
            let short = stack.movie.get(path).await.unwrap().json();
            assert_eq!(short, json!({ "rating": 4.5, "metadata": whole["metadata"] }), "{gateway} {path}");
        }
        let unrated = stack.movie.get("/v1/movies/a%2Fb").await.unwrap().json();
        assert_eq!((unrated.get("rating"), unrated.get("partial")), (None, None), "{gateway} {unrated}");
        assert_eq!(stack.movie.get("/v1/movies/9").await.unwrap().status, StatusCode::NOT_FOUND, "{gateway}");

        let mut client = MovieServiceClient::new(stack.movie.channel().await.unwrap());
        let get = |id: &str| proto::GetMovieDetailsRequest { movie_id: id.into() };
        let movie = client.get_movie_details(get("1")).await.unwrap().into_inner().movie_details.unwrap();
        assert_eq!(
            (movie.rating, movie.aggregate.as_ref().map(|all| all.sum)),
            (Some(4.5), Some(9)),
            "{gateway}"
        );
        assert_eq!(client.get_movie_details(get("9")).await.unwrap_err().code(), Code::NotFound, "{gateway}");
        let mut without_package = WithoutPackage::new(stack.movie.channel().await.unwrap());
        let same = without_package.get_movie_details(get("1")).await.unwrap().into_inner().movie_details;
        assert_eq!(same, Some(movie), "{gateway}");
        drop((client, without_package));
        stack.stop().await;
    }
}

#[tokio::test]
async fn port_describes_its_paths() {
    let stack = Stack::start("grpc").await;
    let openapi = stack.movie.get("/openapi.json").await.unwrap().json();
    assert_eq!(document::faults(&openapi), [""; 0]);
    let expected = [
        "getHealth",
        "getLogFilter",
        "getMetrics",
        "getMovie",
        "getMovieAtRoot",
        "getMovieShort",
        "getOpenApi",
        "getReadiness",
        "listMovies",
        "listTopMovies",
        "putLogFilter",
    ];
    assert_eq!(document::operation_ids(&openapi), expected);
    stack.stop().await;
}

#[tokio::test]
async fn unknown_query_parameter_is_rejected_and_encoded_path_is_served() {
    let stack = Stack::start("grpc").await;
    assert_eq!(stack.movie.operations_with_any_parameter().await.unwrap(), Vec::<String>::new());
    assert_eq!(stack.movie.get("/%76%31/movies").await.unwrap().status, StatusCode::OK);
    stack.stop().await;
}

#[tokio::test]
async fn batch_of_500_takes_two_backend_calls() {
    for (gateway, calls) in [("grpc", "BatchGet"), ("http", "\"/v1/")] {
        let stack = Stack::start(gateway).await;
        stack.put_movies((0..500).map(|n| n.to_string())).await;
        stack.rate("499", "ann", 7).await;
        let requested: Vec<String> = (0..500).rev().map(|n| n.to_string()).collect();
        let page = stack.movie.get(&format!("/v1/movies?ids={}", requested.join(","))).await.unwrap().json();
        assert_eq!(ids(&page), requested, "{gateway}");
        assert_eq!(page["movies"][0]["rating"]["count"], 1, "{gateway}");
        for backend in [&stack.metadata, &stack.rating] {
            let metrics = backend.as_ref().unwrap().get("/metrics").await.unwrap().body;
            let metrics = String::from_utf8(metrics.to_vec()).unwrap();
            let batches = metrics.lines().filter(|line| {
                line.starts_with("requests_total")
                    && line.contains(calls)
                    && line.ends_with(" 1")
                    && !line.contains("batchPut")
            });
            assert_eq!(batches.count(), 1, "{gateway}: {metrics}");
        }
        stack.stop().await;
    }
}

#[tokio::test]
async fn search_and_top_list_are_joined_in_order() {
    for gateway in GATEWAYS {
        let stack = Stack::start(gateway).await;
        stack.put_movies(["1", "2", "3"].map(Into::into)).await;
        for (id, value) in [("1", 3), ("2", 9), ("unknown", 10), ("3", 6)] {
            stack.rate(id, "ann", value).await;
        }
        assert_eq!(ids(&stack.movie.get("/v1/movies").await.unwrap().json()), ["1", "2", "3"], "{gateway}");
        let found = stack.movie.get("/v1/movies?query=MOVIE+2").await.unwrap().json();
        assert_eq!(
            (ids(&found), &found["movies"][0]["rating"]["sum"]),
            (vec!["2".to_owned()], &json!(9)),
            "{gateway}"
        );
        let top = stack.movie.get("/v1/top/movies?minCount=1").await.unwrap().json();
        assert_eq!(ids(&top), ["2", "3", "1"], "{gateway}");

        let page = stack.movie.get("/v1/movies?query=movie&pageSize=2").await.unwrap().json();
        let token = page["nextPageToken"].as_str().unwrap();
        let rest =
            stack.movie.get(&format!("/v1/movies?query=movie&pageToken={token}")).await.unwrap().json();
        assert_eq!((ids(&rest), rest.get("nextPageToken")), (vec!["3".to_owned()], None), "{gateway}");

        let mut client = MovieServiceClient::new(stack.movie.channel().await.unwrap());
        let request = proto::ListTopMoviesRequest { min_count: 1, ..Default::default() };
        let top = client.list_top_movies(request).await.unwrap().into_inner().movies;
        let means: Vec<_> = top.iter().map(|movie| movie.rating.unwrap()).collect();
        assert_eq!(means, [9.0, 6.0, 3.0], "{gateway}");
        drop(client);
        stack.stop().await;
    }
}

#[tokio::test]
async fn misspelt_search_is_corrected_on_every_page() {
    for gateway in GATEWAYS {
        let stack = Stack::start(gateway).await;
        stack.put_movies(["1", "2", "3"].map(Into::into)).await;
        let first = stack.movie.get("/v1/movies?query=Movei&pageSize=2").await.unwrap().json();
        assert_eq!(
            (ids(&first), &first["corrected"]),
            (vec!["1".to_owned(), "2".to_owned()], &json!("movie"))
        );
        let token = first["nextPageToken"].as_str().unwrap();
        let path = format!("/v1/movies?query=Movei&pageToken={token}");
        let rest = stack.movie.get(&path).await.unwrap().json();
        assert_eq!((ids(&rest), &rest["corrected"]), (vec!["3".to_owned()], &json!("movie")), "{gateway}");
        let exact = stack.movie.get("/v1/movies?query=movie").await.unwrap().json();
        assert_eq!(exact.get("corrected"), None, "{gateway}");

        let mut client = MovieServiceClient::new(stack.movie.channel().await.unwrap());
        let request = proto::SearchMoviesRequest { query: "movie1 moveis".into(), ..Default::default() };
        assert!(client.search_movies(request).await.unwrap().into_inner().movies.is_empty(), "{gateway}");
        let request = proto::SearchMoviesRequest { query: "mvoie 3".into(), ..Default::default() };
        let found = client.search_movies(request).await.unwrap().into_inner();
        assert_eq!((found.movies.len(), found.corrected.as_deref()), (1, Some("movie 3")), "{gateway}");
        drop(client);
        stack.stop().await;
    }
}

#[tokio::test]
async fn movie_is_partial_without_ratings_and_complete_when_they_return() {
    for gateway in GATEWAYS {
        let mut stack = Stack::start(gateway).await;
        stack.put_movies(["1".to_owned()]).await;
        stack.rate("1", "ann", 8).await;
        assert_eq!(stack.movie.get("/v1/movies/1").await.unwrap().json()["rating"]["count"], 1);
        stack.rating.take().unwrap().stop().await.unwrap();

        for path in ["/v1/movies/1", "/movie?id=1"] {
            let partial = stack.movie.get(path).await.unwrap();
            assert_eq!(partial.status, StatusCode::OK, "{gateway} {path}");
            assert_eq!(partial.json()["partial"], json!(["rating"]), "{gateway} {path}");
            assert_eq!(partial.json().get("rating"), None, "{gateway} {path}");
        }
        let batch = stack.movie.get("/v1/movies?ids=1").await.unwrap().json();
        assert_eq!(batch["movies"][0]["partial"], json!(["rating"]), "{gateway}");
        let top = stack.movie.get("/v1/top/movies").await.unwrap();
        assert_eq!(
            (top.status, &top.json()["code"]),
            (StatusCode::SERVICE_UNAVAILABLE, &json!("Unavailable"))
        );

        stack.rating = Some(start_rating(&stack.registry).await);
        stack.rate("1", "bob", 6).await;
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let movie = stack.movie.get("/v1/movies/1").await.unwrap().json();
            if movie["rating"]["sum"] == 6 {
                break;
            }
            assert!(Instant::now() < deadline, "{gateway}: still {movie}");
            tokio::task::yield_now().await;
        }
        stack.stop().await;
    }
}

#[tokio::test]
async fn movie_needs_metadata() {
    for gateway in GATEWAYS {
        let mut stack = Stack::start(gateway).await;
        stack.put_movies(["1".to_owned()]).await;
        stack.metadata.take().unwrap().stop().await.unwrap();
        let response = stack.movie.get("/v1/movies/1").await.unwrap();
        assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE, "{gateway} {:?}", response.body);
        stack.stop().await;
    }
}

/// A backend that accepts connections and never responds.
fn silent() -> (std::net::TcpListener, String) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

#[tokio::test]
async fn silent_backend_is_late_within_request_deadline() {
    for gateway in GATEWAYS {
        let stack = Stack::start(gateway).await;
        stack.put_movies(["1".to_owned()]).await;
        let metadata = format!("http://{}", stack.metadata.as_ref().unwrap().authority());
        let (_listener, silent) = silent();
        for (metadata_url, rating_url, status) in [(&metadata, &silent, 200), (&silent, &silent, 504)] {
            let registry: std::sync::Arc<dyn discovery::Registry> = discovery::memory::Registry::new();
            let arguments = [
                "movie",
                "--gateway",
                gateway,
                "--metadata-url",
                metadata_url,
                "--rating-url",
                rating_url,
                "--workers",
                "2",
                "--request-timeout",
                "600ms",
                "--drain-timeout",
                "1s",
            ];
            let config: movie::Config = service::testing::parse(arguments).unwrap();
            let movie = service::testing::Running::start("movie", &registry, |registry, stop| {
                movie::run(config, registry, stop)
            });
            let movie = movie.await.unwrap();
            let response = movie.get("/v1/movies/1").await.unwrap();
            assert_eq!(response.status.as_u16(), status, "{gateway} {:?}", response.body);
            if status == 200 {
                assert_eq!(response.json()["partial"], json!(["rating"]), "{gateway}");
            }
            movie.stop().await.unwrap();
        }
        stack.stop().await;
    }
}
