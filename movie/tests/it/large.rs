//! Pages and batches of the largest records, through all three services.

use crate::stack::Stack;
use api::metadata::v1 as metadata;
use api::metadata::v1::metadata_service_client::MetadataServiceClient;
use api::movie::v1 as proto;
use api::movie::v1::movie_service_client::MovieServiceClient;
use std::time::Duration;

/// The maximum number of rows of a page, and of ids of a batch.
const ROWS: usize = 500;

/// The path of all 500 must fit into a request line, so that ids are a little shorter than they may be.
fn id(n: usize) -> String {
    format!("{n:0120}")
}

/// Stores 500 records of the largest size, all with one rating.
async fn start(gateway: &str) -> Stack {
    // A debug build is slow with 10 MB of records.
    let stack = Stack::start_within("30s", &["movie", "--gateway", gateway]).await;
    let records = (0..ROWS).map(|n| metadata::Metadata {
        id: id(n),
        title: format!("{n:0512}"),
        description: "\"".repeat(16 * 1024),
        director: "d".repeat(512),
        release_year: Some(2000),
        genres: (0..32).map(|genre| format!("{genre:064}")).collect(),
        revision: 0,
    });
    let records: Vec<_> = records.collect();
    let channel = stack.metadata.as_ref().unwrap().channel().await.unwrap();
    let mut client = MetadataServiceClient::new(channel);
    for records in records.chunks(100) {
        let request = metadata::BatchPutMetadataRequest { metadata: records.to_vec() };
        client.batch_put_metadata(request).await.unwrap();
    }
    for n in 0..ROWS {
        stack.rate(&id(n), "ann", 7).await;
    }
    stack
}

fn ids(movies: &[proto::MovieDetails]) -> Vec<String> {
    movies.iter().map(|movie| movie.metadata.as_ref().unwrap().id.clone()).collect()
}

#[tokio::test]
async fn pages_of_largest_records_end_early_over_grpc_and_batches_are_complete() {
    let all: Vec<_> = (0..ROWS).map(id).collect();
    for gateway in ["grpc", "http"] {
        let stack = start(gateway).await;
        // With the default limit of 4 MiB.
        let mut client = MovieServiceClient::new(stack.movie.channel().await.unwrap());
        let (mut found, mut pages, mut page_token) = (Vec::new(), 0, String::new());
        while pages == 0 || !page_token.is_empty() {
            let request = proto::SearchMoviesRequest { page_size: 500, page_token, ..Default::default() };
            let page = client.search_movies(request).await.unwrap().into_inner();
            assert!(page.movies.iter().all(|movie| movie.aggregate.is_some()), "{gateway}");
            found.extend(ids(&page.movies));
            (pages, page_token) = (pages + 1, page.next_page_token);
        }
        assert_eq!((pages, &found), (3, &all), "{gateway}");

        let (mut found, mut pages, mut page_token) = (Vec::new(), 0, String::new());
        while pages == 0 || !page_token.is_empty() {
            let request = proto::ListTopMoviesRequest { min_count: 1, page_size: 500, page_token };
            let page = client.list_top_movies(request).await.unwrap().into_inner();
            found.extend(ids(&page.movies));
            (pages, page_token) = (pages + 1, page.next_page_token);
        }
        found.sort_unstable();
        assert_eq!((pages, &found), (3, &all), "{gateway}");

        let request = proto::BatchGetMovieDetailsRequest { ids: all.clone() };
        let refused = client.batch_get_movie_details(request.clone()).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::OutOfRange, "{refused}");
        let mut client = client.max_decoding_message_size(16 << 20);
        let batch = client.batch_get_movie_details(request).await.unwrap().into_inner();
        assert_eq!(ids(&batch.movies), all, "{gateway}");

        for path in ["/v1/movies?pageSize=500".to_owned(), format!("/v1/movies?ids={}", all.join(","))] {
            let page = tokio::time::timeout(Duration::from_secs(60), stack.movie.get(&path)).await;
            let page = page.unwrap().unwrap().json();
            assert_eq!(page["movies"].as_array().unwrap().len(), ROWS, "{gateway}");
            assert_eq!(page["movies"][ROWS - 1]["metadata"]["id"], id(ROWS - 1), "{gateway}");
            assert_eq!(page["movies"][0]["rating"]["count"], 1, "{gateway}");
        }
        stack.stop().await;
    }
}
