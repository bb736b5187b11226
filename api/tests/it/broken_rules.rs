//! Every violation is reported with its field.

use api::{json, metadata, proto, rating};
use model::{Metadata, RecordId, Timestamp};

fn fields(invalid: fault::Invalid) -> Vec<String> {
    invalid.into_violations().into_iter().map(|violation| violation.field).collect()
}

fn put(body: &str) -> Result<Metadata, fault::Invalid> {
    serde_json::from_str::<json::PutMetadata>(body).unwrap().under(RecordId::new("1").unwrap())
}

#[test]
fn invalid_put_over_rest_names_every_field() {
    let broken = put(r#"{"title":"a\u0007","releaseYear":1,"genres":[""]}"#).unwrap_err();
    assert_eq!(fields(broken), ["title", "release_year", "genres"]);
    assert_eq!(fields(put("{}").unwrap_err()), ["title"]);
    assert_eq!(fields(put(r#"{"id":"2","title":"x"}"#).unwrap_err()), ["id"]);
    let nulls = r#"{"id":null,"title":"x","description":null,"releaseYear":null,"genres":null}"#;
    assert_eq!(put(nulls).unwrap().genres.as_slice().len(), 0);
}

#[test]
fn numbers_that_are_not_whole_are_rejected() {
    for body in
        [r#"{"value":4.5}"#, r#"{"value":5.0}"#, r#"{"value":"5"}"#, r#"{"value":1e30}"#, r#"{"value":true}"#]
    {
        let error = serde_json::from_str::<json::PutRating>(body).unwrap_err();
        assert!(error.to_string().contains("a whole number"), "{body}: {error}");
    }
    assert_eq!(serde_json::from_str::<json::PutRating>(r#"{"value":null}"#).unwrap().value, None);
}

#[test]
fn grpc_names_fields_in_proto_spelling() {
    let request = metadata::v1::PutMetadataRequest {
        metadata: Some(metadata::v1::Metadata {
            id: "..".into(),
            release_year: Some(-1),
            ..Default::default()
        }),
    };
    let broken = Metadata::try_from(request).unwrap_err();
    assert_eq!(fields(broken), ["metadata.id", "metadata.title", "metadata.release_year"]);
    let absent = Metadata::try_from(metadata::v1::PutMetadataRequest { metadata: None }).unwrap_err();
    assert_eq!(fields(absent), ["metadata"]);

    let request =
        rating::v1::PutRatingRequest { rating_value: 11, rated_at: Some(i64::MAX), ..Default::default() };
    let broken = request.rating(Timestamp::now()).unwrap_err();
    assert_eq!(fields(broken), ["user_id", "record_id", "record_type", "rating_value", "rated_at"]);
}

#[test]
fn page_size_zero_is_the_default_and_negative_is_rejected() {
    assert_eq!(proto::page(0, String::new()).unwrap(), model::page::Request::default());
    assert_eq!(fields(proto::page(-1, String::new()).unwrap_err()), ["page_size"]);
    assert_eq!(fields(proto::page(501, String::new()).unwrap_err()), ["page_size"]);
}

#[test]
fn event_of_unknown_type_is_rejected() {
    let text = r#"{"userId":"ann","recordId":"1","recordType":"movie","value":5,"eventType":"merge"}"#;
    assert!(serde_json::from_str::<json::RatingEvent<'_>>(text).is_err());
    let message = rating::v1::RatingEvent { event_type: 3, ..Default::default() };
    let broken = fields(message.event(Timestamp::now()).unwrap_err());
    assert_eq!(broken, ["user_id", "record_id", "record_type", "event_type"]);
}
