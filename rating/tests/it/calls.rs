//! Every call over both protocols.

use super::start;
use api::compat::rating_service_client::RatingServiceClient as WithoutPackage;
use api::rating::v1 as proto;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use service::testing::{Answer, Running, document};
use tonic::Code;

async fn put(service: &Running, id: &str, user: &str, body: &str) -> Answer {
    service.send(Method::PUT, &format!("/v1/ratings/movie/{id}/users/{user}"), Some(body)).await.unwrap()
}

#[tokio::test]
async fn second_rating_by_same_user_replaces_first() {
    let (service, mut client) = start().await;
    let body = r#"{"value":4,"providerId":"p","ratedAt":"2026-11-21T12:00:00+01:00"}"#;
    let first = put(&service, "1", "ann", body).await;
    assert_eq!(first.status, StatusCode::CREATED);
    let rating = json!({
        "recordType": "movie", "recordId": "1", "userId": "ann", "value": 4, "providerId": "p",
        "ratedAt": "2026-11-21T11:00:00.000Z",
    });
    assert_eq!(first.json(), rating);
    assert_eq!(service.get("/v1/ratings/movie/1/users/ann").await.unwrap().json(), rating);
    assert_eq!(put(&service, "1", "ann", r#"{"value":9}"#).await.status, StatusCode::OK);
    assert_eq!(put(&service, "1", "bob", r#"{"value":10}"#).await.status, StatusCode::CREATED);

    let aggregate = service.get("/v1/ratings/movie/1").await.unwrap().json();
    assert_eq!(
        (&aggregate["count"], &aggregate["sum"], &aggregate["mean"]),
        (&json!(2), &json!(19), &json!(9.5))
    );
    assert_eq!(aggregate["histogram"], json!([0, 0, 0, 0, 0, 0, 0, 0, 1, 1]));
    let weighted = (19.0 + 25.0 * 6.9) / 27.0;
    assert!((aggregate["weightedMean"].as_f64().unwrap() - weighted).abs() < 1e-9, "{aggregate}");

    let request = proto::GetAggregatedRatingRequest { record_id: "1".into(), record_type: "movie".into() };
    let got = client.get_aggregated_rating(request.clone()).await.unwrap().into_inner();
    assert!((got.rating_value - 9.5).abs() < f64::EPSILON);
    assert_eq!(got.aggregate.as_ref().map(|aggregate| aggregate.count), Some(2));
    let mut without_package = WithoutPackage::new(service.channel().await.unwrap());
    assert_eq!(without_package.get_aggregated_rating(request).await.unwrap().into_inner(), got);
    service.stop().await.unwrap();
}

#[tokio::test]
async fn short_forms_return_mean() {
    let (service, _) = start().await;
    let put = |path: &'static str| service.send(Method::PUT, path, None);
    assert_eq!(put("/rating?id=1&type=movie&userId=ann&value=5").await.unwrap().status, StatusCode::CREATED);
    assert_eq!(put("/rating?id=1&type=movie&userId=bob&value=6").await.unwrap().status, StatusCode::CREATED);
    assert_eq!(put("/rating?id=1&type=movie&userId=bob&value=6").await.unwrap().status, StatusCode::OK);
    for path in ["/rating?id=1&type=movie", "/?id=1&type=movie"] {
        assert_eq!(service.get(path).await.unwrap().json(), json!(5.5), "{path}");
    }
    assert_eq!(service.get("/rating?id=2&type=movie").await.unwrap().status, StatusCode::NOT_FOUND);
    service.stop().await.unwrap();
}

#[tokio::test]
async fn deleted_rating_leaves_only_growing_revision() {
    let (service, mut client) = start().await;
    put(&service, "1", "ann", r#"{"value":4}"#).await;
    let before = service.get("/v1/ratings/movie/1").await.unwrap().json()["revision"].as_u64().unwrap();
    let path = "/v1/ratings/movie/1/users/ann";
    assert_eq!(service.send(Method::DELETE, path, None).await.unwrap().status, StatusCode::NO_CONTENT);
    assert_eq!(service.send(Method::DELETE, path, None).await.unwrap().status, StatusCode::NOT_FOUND);
    assert_eq!(service.get("/v1/ratings/movie/1").await.unwrap().status, StatusCode::NOT_FOUND);
    assert_eq!(service.get("/rating?id=1&type=movie").await.unwrap().status, StatusCode::NOT_FOUND);

    let key = |value| proto::PutRatingRequest {
        user_id: "ann".into(),
        record_id: "1".into(),
        record_type: "movie".into(),
        rating_value: value,
        ..Default::default()
    };
    assert!(client.put_rating(key(7)).await.unwrap().into_inner().created);
    let after = service.get("/v1/ratings/movie/1").await.unwrap().json()["revision"].as_u64().unwrap();
    assert!(after > before + 1, "{before} {after}");
    let again = client.put_rating(proto::PutRatingRequest { rated_at: Some(5), ..key(7) }).await.unwrap();
    assert!(!again.into_inner().created);
    let unmoved = service.get("/v1/ratings/movie/1").await.unwrap().json()["revision"].as_u64().unwrap();
    assert_eq!(unmoved, after);

    let request = proto::DeleteRatingRequest {
        user_id: "ann".into(),
        record_id: "1".into(),
        record_type: "movie".into(),
    };
    client.delete_rating(request.clone()).await.unwrap();
    assert_eq!(client.delete_rating(request).await.unwrap_err().code(), Code::NotFound);
    service.stop().await.unwrap();
}

#[tokio::test]
async fn a_batch_leaves_out_what_has_no_rating() {
    let (service, mut client) = start().await;
    for id in ["a", "b"] {
        put(&service, id, "ann", r#"{"value":4}"#).await;
    }
    let ids = |json: &Value| -> Vec<String> {
        let rows = json["aggregates"].as_array().unwrap();
        rows.iter().map(|row| row["recordId"].as_str().unwrap().to_owned()).collect()
    };
    let some = service.get("/v1/ratings/movie?ids=b,none,a,b").await.unwrap().json();
    assert_eq!(ids(&some), ["b", "a"]);
    let request = proto::BatchGetAggregatedRatingsRequest {
        record_type: "movie".into(),
        record_ids: ["b", "none", "a"].map(Into::into).to_vec(),
    };
    let some = client.batch_get_aggregated_ratings(request).await.unwrap().into_inner().aggregates;
    assert_eq!(some.iter().map(|row| row.record_id.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    service.stop().await.unwrap();
}

#[tokio::test]
async fn lists_are_ordered_and_go_on_over_their_tokens() {
    let (service, mut client) = start().await;
    for (id, value) in [("a", 3), ("b", 9), ("c", 6)] {
        for user in ["ann", "bob"] {
            let body = format!(r#"{{"value":{value},"ratedAt":"2026-11-2{value}T00:00:00Z"}}"#);
            let body = if value == 9 { body.replace("-29T", "-19T") } else { body };
            put(&service, id, user, &body).await;
        }
    }
    let top = service.get("/v1/top/movie?minCount=2&pageSize=2").await.unwrap().json();
    let ids = |page: &Value, rows: &str| -> Vec<String> {
        let rows = page[rows].as_array().unwrap();
        rows.iter().map(|row| row["recordId"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&top, "aggregates"), ["b", "c"]);
    let token = top["nextPageToken"].as_str().unwrap();
    let rest = service.get(&format!("/v1/top/movie?minCount=2&pageToken={token}")).await.unwrap().json();
    assert_eq!(ids(&rest, "aggregates"), ["a"]);
    assert_eq!(service.get("/v1/top/movie?minCount=3").await.unwrap().json(), json!({ "aggregates": [] }));

    let newest = service.get("/v1/users/ann/ratings?pageSize=2&type=movie").await.unwrap().json();
    assert_eq!(ids(&newest, "ratings"), ["c", "a"]);
    let request = proto::ListUserRatingsRequest { user_id: "ann".into(), page_size: 2, ..Default::default() };
    let first = client.list_user_ratings(request.clone()).await.unwrap().into_inner();
    let request = proto::ListUserRatingsRequest { page_token: first.next_page_token, ..request };
    let last = client.list_user_ratings(request).await.unwrap().into_inner();
    assert_eq!(last.ratings.iter().map(|row| row.record_id.as_str()).collect::<Vec<_>>(), ["b"]);

    let request =
        proto::ListTopRatedRequest { record_type: "movie".into(), min_count: 1, ..Default::default() };
    let top = client.list_top_rated(request).await.unwrap().into_inner().aggregates;
    assert_eq!(top.iter().map(|row| row.record_id.as_str()).collect::<Vec<_>>(), ["b", "c", "a"]);
    service.stop().await.unwrap();
}

#[tokio::test]
async fn port_describes_its_paths() {
    let (service, _) = start().await;
    let openapi = service.get("/openapi.json").await.unwrap().json();
    assert_eq!(document::faults(&openapi), [""; 0]);
    let expected = [
        "batchGetAggregatedRatings",
        "deleteRating",
        "getAggregatedRating",
        "getHealth",
        "getIngestion",
        "getLogFilter",
        "getMeanRating",
        "getMeanRatingAtRoot",
        "getMetrics",
        "getOpenApi",
        "getRating",
        "getReadiness",
        "listTopRated",
        "listUserRatings",
        "putLogFilter",
        "putRating",
        "putRatingShort",
    ];
    assert_eq!(document::operation_ids(&openapi), expected);
    put(&service, "1", "ann", r#"{"value":4}"#).await;
    for path in ["/rating", "/"] {
        let mean = service.get(&format!("{path}?type=movie&id=1")).await.unwrap();
        let content = &openapi["paths"][path]["get"]["responses"]["200"]["content"];
        let content_type = mean.headers["content-type"].to_str().unwrap();
        assert!(content.get(content_type).is_some(), "{path} is {content_type}: {content}");
    }
    service.stop().await.unwrap();
}
