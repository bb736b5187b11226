//! Lists read as undecoded rows.

use api::metadata::v1 as metadata;
use api::rating::v1 as rating;
use api::rows::{Row, Rows, Unreadable};
use bytes::Bytes;
use prost::Message;

fn film(id: &str) -> metadata::Metadata {
    metadata::Metadata { id: id.into(), title: "A title".into(), ..Default::default() }
}

fn aggregate(id: &str) -> rating::AggregatedRating {
    let (record_id, record_type) = (id.into(), "movie".into());
    rating::AggregatedRating { record_id, record_type, histogram: vec![1; 10], ..Default::default() }
}

/// Returns the rows of a response and its token.
fn rows<T: Row>(answer: &impl Message) -> (Vec<T>, String) {
    let answer = Bytes::from(answer.encode_to_vec());
    let within = answer.as_ptr_range();
    let list = Rows::decode(answer.clone()).unwrap();
    assert!(list.rows.iter().all(|row| within.contains(&row.as_ptr())), "a row was copied");
    (list.rows.iter().map(|row| T::read(row).unwrap()).collect(), list.next_page_token)
}

#[test]
fn every_list_of_metadata_and_aggregates_is_read_as_rows() {
    let (films, token) = (vec![film("1"), film("2")], String::from("next"));
    let nouns: Vec<model::Metadata> = films.iter().map(|film| film.clone().try_into().unwrap()).collect();
    let batch = metadata::BatchGetMetadataResponse { metadata: films.clone() };
    assert_eq!(rows(&batch), (nouns.clone(), String::new()));
    let page = metadata::SearchMetadataResponse { metadata: films, next_page_token: token.clone() };
    assert_eq!(rows(&page), (nouns, token.clone()));

    let aggregates = vec![aggregate("1"), aggregate("2")];
    let nouns: Vec<model::Aggregate> = aggregates.iter().map(|row| row.clone().try_into().unwrap()).collect();
    let batch = rating::BatchGetAggregatedRatingsResponse { aggregates: aggregates.clone() };
    assert_eq!(rows(&batch), (nouns.clone(), String::new()));
    let page = rating::ListTopRatedResponse { aggregates, next_page_token: token.clone() };
    assert_eq!(rows(&page), (nouns, token));
}

#[test]
fn invalid_row_is_unreadable() {
    assert!(matches!(model::Metadata::read(&[0xff]), Err(Unreadable::Message(_))));
    let row = film("").encode_to_vec();
    assert!(matches!(model::Metadata::read(&row), Err(Unreadable::Noun(_))));
}

#[test]
fn encoded_response_equals_contract_byte_for_byte() {
    let films: Vec<model::Metadata> = ["1", "2"].map(|id| film(id).try_into().unwrap()).into();
    let encoded = api::encoded::metadata::v1::BatchGetMetadataResponse {
        metadata: films.iter().map(|film| film.write().into()).collect(),
    };
    let contract = metadata::BatchGetMetadataResponse { metadata: films.iter().map(Into::into).collect() };
    assert_eq!(encoded.encode_to_vec(), contract.encode_to_vec());

    let ratings: model::Aggregate = aggregate("1").try_into().unwrap();
    let encoded = api::encoded::rating::v1::GetAggregatedRatingResponse {
        rating_value: ratings.mean(),
        aggregate: ratings.write().into(),
    };
    let contract = rating::GetAggregatedRatingResponse {
        rating_value: ratings.mean(),
        aggregate: Some((&ratings).into()),
    };
    assert_eq!(encoded.encode_to_vec(), contract.encode_to_vec());
}
