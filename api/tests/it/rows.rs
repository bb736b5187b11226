//! Responses whose rows are encoded in advance.

use api::metadata::v1 as metadata;
use api::rating::v1 as rating;
use api::rows::Row;
use prost::Message;

fn film(id: &str) -> metadata::Metadata {
    metadata::Metadata { id: id.into(), title: "A title".into(), ..Default::default() }
}

fn aggregate(id: &str) -> rating::AggregatedRating {
    let (record_id, record_type) = (id.into(), "movie".into());
    rating::AggregatedRating { record_id, record_type, histogram: vec![1; 10], ..Default::default() }
}

#[test]
fn an_answer_of_encoded_nouns_is_the_contracts_answer_byte_for_byte() {
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
