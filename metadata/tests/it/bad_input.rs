//! Invalid input is rejected with the field's name, over both protocols, and changes nothing.

use super::start;
use api::metadata::v1 as proto;
use axum::http::{Method, StatusCode};
use serde_json::json;
use service::testing::Running;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// A method, a path, a body, and the expected status and fields.
type Case<'a> = (Method, String, Option<String>, u16, &'a [&'a str]);

fn get(path: impl Into<String>, fields: &'static [&'static str]) -> Case<'static> {
    (Method::GET, path.into(), None, 400, fields)
}

fn put(body: impl Into<String>, status: u16, fields: &'static [&'static str]) -> Case<'static> {
    (Method::PUT, "/v1/metadata/1".into(), Some(body.into()), status, fields)
}

fn batch(body: String, fields: &'static [&'static str]) -> Case<'static> {
    (Method::POST, "/v1/metadata:batchPut".into(), Some(body), 400, fields)
}

async fn check(service: &Running, cases: Vec<Case<'_>>) {
    for (method, path, body, status, fields) in cases {
        let response = service.send(method.clone(), &path, body.as_deref()).await.unwrap();
        let shown: String = body.unwrap_or_default().chars().take(80).collect();
        assert_eq!(response.status.as_u16(), status, "{method} {path} {shown}: {:?}", response.body);
        assert_eq!(response.fields(), fields, "{method} {path} {shown}: {:?}", response.body);
        assert_eq!(response.headers["content-type"], "application/problem+json", "{method} {path}");
    }
}

#[tokio::test]
async fn rest_rejection_names_field_and_changes_nothing() {
    let (service, _) = start().await;
    let rows: Vec<_> = (0..3).map(|n| json!({ "id": n.to_string(), "title": "Star" })).collect();
    let body = json!({ "metadata": rows }).to_string();
    service.send(Method::POST, "/v1/metadata:batchPut", Some(&body)).await.unwrap();
    let before = service.get("/v1/metadata").await.unwrap().json();
    let token = |path: &'static str| async {
        service.get(path).await.unwrap().json()["nextPageToken"].as_str().unwrap().to_owned()
    };
    let of_list = token("/v1/metadata?pageSize=1").await;
    let of_search = token("/v1/metadata?query=star&pageSize=1").await;

    let many = |n: usize| (0..n).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let many_rows: Vec<_> = (0..501).map(|n| json!({ "id": n.to_string(), "title": "x" })).collect();
    let cases = vec![
        get("/v1/metadata/%FF", &["id"]),
        get(format!("/v1/metadata/{}", "x".repeat(129)), &["id"]),
        get("/v1/metadata/a%0Ab", &["id"]),
        get("/metadata", &["id"]),
        get("/", &["id"]),
        get("/metadata?id=", &["id"]),
        get("/v1/metadata?order=title", &["order"]),
        get("/v1/metadata?pageSize=0", &["pageSize"]),
        get("/v1/metadata?pageSize=501", &["pageSize"]),
        get("/v1/metadata?pageSize=many", &["pageSize"]),
        get("/v1/metadata?ids=", &["ids"]),
        get("/v1/metadata?ids=1&query=x", &["ids"]),
        get(format!("/v1/metadata?ids={}", many(501)), &["ids"]),
        get(format!("/v1/metadata?query={}", "x".repeat(513)), &["query"]),
        get(format!("/v1/metadata?pageToken={of_search}"), &["pageToken"]),
        get(format!("/v1/metadata?query=star&pageToken={of_list}"), &["pageToken"]),
        get(format!("/v1/metadata?query=other&pageToken={of_search}"), &["pageToken"]),
        get(format!("/v1/metadata?pageToken={}", of_list.to_lowercase()), &["pageToken"]),
        get("/v1/metadata?pageToken=x", &["pageToken"]),
        put("", 400, &["body"]),
        put("no json", 400, &["body"]),
        put("[]", 400, &["body"]),
        put(r#"[null,"From an array","d","dir",1999,["Drama"]]"#, 400, &["body"]),
        put("{}", 400, &["title"]),
        put(r#"{"title":"a\u0007b"}"#, 400, &["title"]),
        put(r#"{"title":5}"#, 400, &["title"]),
        put(r#"{"title":"x","id":"2"}"#, 400, &["id"]),
        put(r#"{"title":"x","name":"y"}"#, 400, &["name"]),
        put(r#"{"title":"x","revision":1}"#, 400, &["revision"]),
        put(r#"{"title":"x","releaseYear":2001.0}"#, 400, &["releaseYear"]),
        put(r#"{"title":"x","releaseYear":"2001"}"#, 400, &["releaseYear"]),
        put(r#"{"title":"x","releaseYear":1}"#, 400, &["releaseYear"]),
        put(r#"{"title":"x","genres":[""]}"#, 400, &["genres"]),
        put(format!(r#"{{"title":"{}"}}"#, "x".repeat(2 * 1024 * 1024)), 413, &[]),
        batch(json!({ "metadata": [] }).to_string(), &["metadata"]),
        batch(json!({ "metadata": many_rows }).to_string(), &["metadata"]),
        batch(
            json!({ "metadata": [rows[0], { "id": "9", "title": "" }] }).to_string(),
            &["metadata[1].title"],
        ),
        batch(r#"[[{"id":"9","title":"x"}]]"#.into(), &["body"]),
        batch(r#"{"metadata":[["9","x","d","dir",1999,[]]]}"#.into(), &["metadata[0]"]),
        batch(json!({ "metadata": [rows[0], ["9", "x"]] }).to_string(), &["metadata[1]"]),
        batch(json!({ "metadata": [{ "title": "x" }] }).to_string(), &["metadata[0].id"]),
        batch(json!({ "metadata": [rows[0], rows[0]] }).to_string(), &["metadata[1].id"]),
    ];
    check(&service, cases).await;
    assert_eq!(service.get("/v1/metadata").await.unwrap().json(), before);
    service.stop().await.unwrap();
}

fn assert_rejected<T: std::fmt::Debug>(result: Result<T, Status>, field: &str) {
    let status = result.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let named = status.get_details_bad_request().unwrap().field_violations;
    assert_eq!(named.iter().map(|violation| violation.field.as_str()).collect::<Vec<_>>(), [field]);
}

#[tokio::test]
async fn grpc_rejection_names_field_as_in_proto() {
    let (service, mut client) = start().await;
    let get = |id: String| proto::GetMetadataRequest { movie_id: id };
    assert_rejected(client.get_metadata(get(String::new())).await, "movie_id");
    assert_rejected(client.get_metadata(get("x".repeat(129))).await, "movie_id");
    assert_rejected(client.get_metadata(get("a\nb".into())).await, "movie_id");

    let ids = (0..501).map(|n| n.to_string()).collect();
    assert_rejected(client.batch_get_metadata(proto::BatchGetMetadataRequest { ids }).await, "ids");
    let list =
        |page_size, page_token: &str| proto::ListMetadataRequest { page_size, page_token: page_token.into() };
    assert_rejected(client.list_metadata(list(501, "")).await, "page_size");
    assert_rejected(client.list_metadata(list(-1, "")).await, "page_size");
    assert_rejected(client.list_metadata(list(0, "x")).await, "page_token");
    let search = proto::SearchMetadataRequest { query: "x".repeat(513), ..Default::default() };
    assert_rejected(client.search_metadata(search).await, "query");

    let row = |title: &str| proto::Metadata { id: "1".into(), title: title.into(), ..Default::default() };
    let put = |metadata| proto::PutMetadataRequest { metadata };
    assert_rejected(client.put_metadata(put(None)).await, "metadata");
    assert_rejected(client.put_metadata(put(Some(row("a\u{7}b")))).await, "metadata.title");
    let batch = |metadata| proto::BatchPutMetadataRequest { metadata };
    assert_rejected(client.batch_put_metadata(batch(Vec::new())).await, "metadata");
    assert_rejected(client.batch_put_metadata(batch(vec![row("x"); 501])).await, "metadata");
    assert_rejected(client.batch_put_metadata(batch(vec![row("x"), row("")])).await, "metadata[1].title");
    assert_rejected(client.batch_put_metadata(batch(vec![row("x"), row("x")])).await, "metadata[1].id");

    assert_eq!(service.get("/v1/metadata").await.unwrap().json(), json!({ "metadata": [] }));
    service.stop().await.unwrap();
}

#[tokio::test]
async fn unknown_query_parameter_is_rejected_by_every_operation() {
    let (service, _) = start().await;
    let body = r#"{"title":"Amélie","director":"Jean-Pierre Jeunet","releaseYear":2001,"genres":[]}"#;
    service.send(Method::PUT, "/v1/metadata/rc4", Some(body)).await.unwrap();
    let refused = service.send(Method::DELETE, "/v1/metadata/rc4?dryRun=true", None).await.unwrap();
    assert_eq!((refused.status, refused.fields()), (StatusCode::BAD_REQUEST, vec!["dryRun".to_owned()]));
    assert_eq!(service.get("/v1/metadata/rc4").await.unwrap().status, StatusCode::OK);
    assert_eq!(service.operations_with_any_parameter().await.unwrap(), Vec::<String>::new());
    service.stop().await.unwrap();
}
