//! Invalid requests are rejected with the name of the field, also if a backend service detects it.

use crate::stack::Stack;
use api::movie::v1 as proto;
use api::movie::v1::movie_service_client::MovieServiceClient;
use tonic::{Code, Status};
use tonic_types::StatusExt;

fn assert_refused<T: std::fmt::Debug>(result: Result<T, Status>, field: &str) {
    let status = result.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let named = status.get_details_bad_request().unwrap().field_violations;
    assert_eq!(named.iter().map(|violation| violation.field.as_str()).collect::<Vec<_>>(), [field]);
}

#[tokio::test]
async fn both_protocols_name_invalid_field_over_both_gateways() {
    for gateway in ["grpc", "http"] {
        let stack = Stack::start(gateway).await;
        stack.put_movies(["1".to_owned(), "2".to_owned()]).await;
        let list = stack.movie.get("/v1/movies?pageSize=1").await.unwrap().json();
        let token = list["nextPageToken"].as_str().unwrap().to_owned();
        let many = (0..501).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
        for (path, field) in [
            ("/v1/movies/%FF".to_owned(), "id"),
            (format!("/v1/movies/{}", "x".repeat(129)), "id"),
            ("/movie".to_owned(), "id"),
            ("/movie?id=1&lang=de".to_owned(), "lang"),
            (format!("/v1/movies?ids={many}"), "ids"),
            ("/v1/movies?ids=1&query=x".to_owned(), "ids"),
            ("/v1/movies?pageSize=0".to_owned(), "pageSize"),
            (format!("/v1/movies?query=movie&pageToken={token}"), "pageToken"),
            (format!("/v1/movies?query={}", "x".repeat(513)), "query"),
            ("/v1/top/movies?minCount=0".to_owned(), "minCount"),
            (format!("/v1/top/movies?pageToken={token}"), "pageToken"),
            ("/v1/movies?pageToken=".to_owned(), "pageToken"),
            ("/v1/top/movies?pageToken=".to_owned(), "pageToken"),
        ] {
            let response = stack.movie.get(&path).await.unwrap();
            assert_eq!(response.status, 400, "{gateway} {path}: {:?}", response.body);
            assert_eq!(response.fields(), [field], "{gateway} {path}: {:?}", response.body);
        }

        let mut client = MovieServiceClient::new(stack.movie.channel().await.unwrap());
        let get = proto::GetMovieDetailsRequest { movie_id: String::new() };
        assert_refused(client.get_movie_details(get).await, "movie_id");
        let batch = proto::BatchGetMovieDetailsRequest { ids: (0..501).map(|n| n.to_string()).collect() };
        assert_refused(client.batch_get_movie_details(batch).await, "ids");
        let search =
            proto::SearchMoviesRequest { page_token: token.clone(), query: "x".into(), page_size: 0 };
        assert_refused(client.search_movies(search).await, "page_token");
        let top = proto::ListTopMoviesRequest { min_count: -1, ..Default::default() };
        assert_refused(client.list_top_movies(top).await, "min_count");
        let top = proto::ListTopMoviesRequest { page_token: token, ..Default::default() };
        assert_refused(client.list_top_movies(top).await, "page_token");
        drop(client);
        stack.stop().await;
    }
}
