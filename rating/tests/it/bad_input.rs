//! What breaks a rule is refused by the field's name, over both protocols, and changes nothing.

use super::start;
use api::rating::v1 as proto;
use axum::http::Method;
use serde_json::json;
use tonic::{Code, Status};
use tonic_types::StatusExt;

#[cfg(not(feature = "kafka-tls"))]
#[test]
fn setting_that_needs_tls_is_exit_2_and_names_the_feature() {
    for option in ["security.protocol=SASL_SSL", "sasl.mechanisms=SCRAM-SHA-512", "ssl.ca.location=ca.pem"] {
        let arguments = ["rating", "--kafka", "127.0.0.1:1", "--kafka-option", option];
        let error = service::testing::parse::<rating::Config>(arguments).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{option}");
        let text = error.to_string();
        assert!(text.contains(option) && text.contains("cargo feature kafka-tls"), "{text}");
    }
}

#[tokio::test]
async fn rest_names_the_field_and_changes_nothing() {
    let (service, _) = start().await;
    let path = "/v1/ratings/movie/1/users/ann";
    service.send(Method::PUT, path, Some(r#"{"value":5}"#)).await.unwrap();
    service.send(Method::PUT, "/v1/ratings/movie/2/users/ann", Some(r#"{"value":5}"#)).await.unwrap();
    let before = service.get("/v1/users/ann/ratings").await.unwrap().json();
    let list = service.get("/v1/users/ann/ratings?pageSize=1").await.unwrap().json();
    let token = list["nextPageToken"].as_str().unwrap();

    let many = (0..501).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let long = "x".repeat(129);
    let get = |path: String, field: &'static str| (Method::GET, path, None, 400, vec![field]);
    let put = |body: &str, field: &'static str| {
        (Method::PUT, path.to_owned(), Some(body.to_owned()), 400, vec![field])
    };
    let short =
        |query: &str, field: &'static str| (Method::PUT, format!("/rating?{query}"), None, 400, vec![field]);
    let cases = vec![
        get("/v1/ratings/movie/%FF".into(), "id"),
        get(format!("/v1/ratings/movie/{long}"), "id"),
        get("/v1/ratings/Movie/1".into(), "type"),
        get(format!("/v1/ratings/movie/1/users/{long}"), "user"),
        get("/v1/ratings/movie".into(), "ids"),
        get(format!("/v1/ratings/movie?ids={many}"), "ids"),
        get("/v1/top/movie?minCount=0".into(), "minCount"),
        get("/v1/top/movie?minCount=few".into(), "minCount"),
        get(format!("/v1/top/movie?pageToken={token}"), "pageToken"),
        get(format!("/v1/users/bob/ratings?pageToken={token}"), "pageToken"),
        get(format!("/v1/users/ann/ratings?type=movie&pageToken={token}"), "pageToken"),
        get("/v1/users/ann/ratings?order=old".into(), "order"),
        get("/rating?id=1".into(), "type"),
        get("/rating?type=movie".into(), "id"),
        put(r#"{"value":0}"#, "value"),
        put(r#"{"value":11}"#, "value"),
        put(r#"{"value":4.5}"#, "value"),
        put(r#"{"value":"5"}"#, "value"),
        put("{}", "value"),
        put(r#"{"value":null}"#, "value"),
        put(r#"{"value":5,"stars":5}"#, "stars"),
        put(r#"{"value":5,"ratedAt":"yesterday"}"#, "ratedAt"),
        put(r#"{"value":5,"providerId":""}"#, "providerId"),
        put(r#"{"value":5,"ratedAt":"2026-11-21T12:00:00+25:00"}"#, "ratedAt"),
        put(r#"{"value":5,"ratedAt":"2026-11-21T12:30:60Z"}"#, "ratedAt"),
        put(r#"{"value":5,"ratedAt":"0001-01-01T00:00:00+01:00"}"#, "ratedAt"),
        put("five", "body"),
        put("[7]", "body"),
        put("[7,null,null]", "body"),
        put("\u{feff}\u{feff}{\"value\":7}", "body"),
        short("id=1&type=movie&userId=ann", "value"),
        short("id=1&type=movie&value=5", "userId"),
        short("id=1&type=movie&userId=ann&value=4.5", "value"),
        short("id=1&type=movie&userId=ann&value=11", "value"),
        short("id=1&type=movie&userId=a%0Ab&value=5", "userId"),
        (
            Method::PUT,
            path.to_owned(),
            Some(format!(r#"{{"value":5,"x":"{}"}}"#, "x".repeat(2 << 20))),
            413,
            vec![],
        ),
    ];
    for (method, path, body, status, fields) in cases {
        let answer = service.send(method.clone(), &path, body.as_deref()).await.unwrap();
        assert_eq!(answer.status.as_u16(), status, "{method} {path}: {:?}", answer.body);
        assert_eq!(answer.fields(), fields, "{method} {path}: {:?}", answer.body);
    }
    assert_eq!(service.get("/v1/users/ann/ratings").await.unwrap().json(), before);

    // The ends of the ranges of times, and a byte order mark, are accepted.
    for (given, stored) in [
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ("1969-12-31T23:59:59.9999999999Z", "1969-12-31T23:59:59.999Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
    ] {
        let body = format!("\u{feff}{{\"value\":5,\"ratedAt\":\"{given}\"}}");
        let put = service.send(Method::PUT, path, Some(&body)).await.unwrap();
        assert_eq!((put.status.as_u16(), &put.json()["ratedAt"]), (200, &stored.into()), "{given}");
    }
    service.stop().await.unwrap();
}

fn assert_refused<T: std::fmt::Debug>(result: Result<T, Status>, fields: &[&str]) {
    let status = result.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let named = status.get_details_bad_request().unwrap().field_violations;
    assert_eq!(named.iter().map(|violation| violation.field.as_str()).collect::<Vec<_>>(), fields);
}

#[tokio::test]
async fn grpc_names_the_same_fields_as_the_proto_spells_them() {
    let (service, mut client) = start().await;
    let put = |value| proto::PutRatingRequest {
        user_id: "ann".into(),
        record_id: "1".into(),
        record_type: "movie".into(),
        rating_value: value,
        ..Default::default()
    };
    for value in [0, 11, -1] {
        assert_refused(client.put_rating(put(value)).await, &["rating_value"]);
    }
    let none = proto::PutRatingRequest::default();
    assert_refused(client.put_rating(none).await, &["user_id", "record_id", "record_type", "rating_value"]);
    let long = proto::PutRatingRequest { record_id: "x".repeat(129), ..put(5) };
    assert_refused(client.put_rating(long).await, &["record_id"]);
    let early = proto::PutRatingRequest { rated_at: Some(i64::MIN), ..put(5) };
    assert_refused(client.put_rating(early).await, &["rated_at"]);

    let batch = |record_type: &str, n: usize| proto::BatchGetAggregatedRatingsRequest {
        record_type: record_type.into(),
        record_ids: (0..n).map(|n| n.to_string()).collect(),
    };
    assert_refused(client.batch_get_aggregated_ratings(batch("movie", 501)).await, &["record_ids"]);
    assert_refused(client.batch_get_aggregated_ratings(batch("Movie", 1)).await, &["record_type"]);
    let top = |min_count, page_size, token: &str| proto::ListTopRatedRequest {
        record_type: "movie".into(),
        min_count,
        page_size,
        page_token: token.into(),
    };
    assert_refused(client.list_top_rated(top(-1, 0, "")).await, &["min_count"]);
    assert_refused(client.list_top_rated(top(1, 501, "")).await, &["page_size"]);
    assert_refused(client.list_top_rated(top(1, 0, "x")).await, &["page_token"]);

    assert_eq!(service.get("/v1/users/ann/ratings").await.unwrap().json(), json!({ "ratings": [] }));
    service.stop().await.unwrap();
}

#[tokio::test]
async fn unknown_query_parameter_is_rejected_by_every_operation() {
    let (service, _) = start().await;
    assert_eq!(service.operations_with_any_parameter().await.unwrap(), Vec::<String>::new());
    service.stop().await.unwrap();
}
