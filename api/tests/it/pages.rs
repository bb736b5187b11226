//! Pages of the largest rows: which fit into a message of 4 MiB, the default limit of gRPC clients.

use api::proto::fitting;
use api::{metadata::v1 as metadata, movie::v1 as movie, rating::v1 as rating};
use prost::Message;

const LIMIT: usize = 4 * 1024 * 1024;
const ROWS: usize = 500;

fn aggregate() -> rating::AggregatedRating {
    rating::AggregatedRating {
        record_id: "r".repeat(128),
        record_type: "t".repeat(32),
        count: u64::MAX,
        sum: u64::MAX,
        mean: 5.5,
        weighted_mean: 5.5,
        histogram: vec![u64::MAX; 10],
        revision: u64::MAX,
    }
}

fn record() -> metadata::Metadata {
    metadata::Metadata {
        id: "i".repeat(128),
        title: "t".repeat(512),
        description: "d".repeat(16 * 1024),
        director: "d".repeat(512),
        release_year: Some(3000),
        genres: vec!["g".repeat(64); 32],
        revision: u64::MAX,
    }
}

#[test]
fn every_page_of_ratings_and_aggregates_fits() {
    let largest = rating::Rating {
        user_id: "u".repeat(128),
        record_id: "r".repeat(128),
        record_type: "t".repeat(32),
        value: 10,
        provider_id: "p".repeat(128),
        rated_at: i64::MIN,
    };
    assert_eq!(fitting(&vec![largest; ROWS]), None);
    assert_eq!(fitting(&vec![aggregate(); ROWS]), None);
}

#[test]
fn page_of_largest_records_is_cut_just_below_the_limit() {
    let rows = vec![record(); ROWS];
    let fit = fitting(&rows).unwrap().get();
    let message = |rows: &[metadata::Metadata]| metadata::ListMetadataResponse {
        metadata: rows.to_vec(),
        next_page_token: "t".repeat(1024),
    };
    let size = message(&rows[..fit]).encoded_len();
    assert!(size <= LIMIT - 5 && size > LIMIT - 100_000, "{fit} rows are {size} bytes");
    assert_eq!(fitting(&rows[..fit]), None);
    assert!(message(&rows).encoded_len() < 10 << 20);

    let movies = vec![
        movie::MovieDetails {
            metadata: Some(record()),
            aggregate: Some(aggregate()),
            ..Default::default()
        };
        ROWS
    ];
    let fit = fitting(&movies).unwrap().get();
    let message = movie::SearchMoviesResponse { movies: movies[..fit].to_vec(), ..Default::default() };
    assert!(message.encoded_len() <= LIMIT - 5, "{}", message.encoded_len());
}

#[test]
fn page_has_at_least_one_row() {
    let huge = metadata::Metadata { description: "d".repeat(LIMIT), ..Default::default() };
    assert_eq!(fitting(&[huge.clone(), huge]).unwrap().get(), 1);
    assert_eq!(fitting::<metadata::Metadata>(&[]), None);
}
