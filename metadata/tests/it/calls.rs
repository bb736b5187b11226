//! Every call over both protocols.

use super::start;
use api::compat::metadata_service_client::MetadataServiceClient as WithoutPackage;
use api::metadata::v1 as proto;
use axum::http::{Method, StatusCode};
use serde_json::json;
use service::testing::document;
use tonic::Code;

#[tokio::test]
async fn record_stored_over_rest_is_served_over_both_protocols() {
    let (service, mut client) = start().await;
    let body = r#"{"id":"1","title":"Amélie","director":"Jean-Pierre Jeunet","releaseYear":2001,"genres":["Comedy"]}"#;
    let put = service.send(Method::PUT, "/v1/metadata/1", Some(body)).await.unwrap();
    assert_eq!(put.status, StatusCode::CREATED);
    let stored = json!({
        "id": "1", "title": "Amélie", "description": "", "director": "Jean-Pierre Jeunet",
        "releaseYear": 2001, "genres": ["Comedy"], "revision": 1,
    });
    assert_eq!(put.json(), stored);
    assert_eq!(service.send(Method::PUT, "/v1/metadata/1", Some(body)).await.unwrap().status, StatusCode::OK);

    for path in ["/v1/metadata/1", "/metadata?id=1", "/?id=1"] {
        assert_eq!(service.get(path).await.unwrap().json(), stored, "{path}");
    }
    let request = proto::GetMetadataRequest { movie_id: "1".into() };
    let got = client.get_metadata(request.clone()).await.unwrap().into_inner().metadata.unwrap();
    assert_eq!((got.title.as_str(), got.release_year, got.revision), ("Amélie", Some(2001), 1));
    let mut without_package = WithoutPackage::new(service.channel().await.unwrap());
    let same = without_package.get_metadata(request).await.unwrap().into_inner().metadata.unwrap();
    assert_eq!(same, got);
    service.stop().await.unwrap();
}

#[tokio::test]
async fn record_stored_over_grpc_can_be_deleted_over_both_protocols() {
    let (service, mut client) = start().await;
    for id in ["1", "2"] {
        let metadata =
            proto::Metadata { id: id.into(), title: "Heat".into(), revision: 99, ..Default::default() };
        let request = proto::PutMetadataRequest { metadata: Some(metadata) };
        assert!(client.put_metadata(request).await.unwrap().into_inner().created);
    }
    assert_eq!(
        service.send(Method::DELETE, "/v1/metadata/1", None).await.unwrap().status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        service.send(Method::DELETE, "/v1/metadata/1", None).await.unwrap().status,
        StatusCode::NOT_FOUND
    );
    let request = proto::DeleteMetadataRequest { movie_id: "2".into() };
    client.delete_metadata(request.clone()).await.unwrap();
    assert_eq!(client.delete_metadata(request).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(service.get("/v1/metadata/2").await.unwrap().status, StatusCode::NOT_FOUND);
    service.stop().await.unwrap();
}

#[tokio::test]
async fn batch_get_returns_requested_order_without_missing_ids() {
    let (service, mut client) = start().await;
    let body = r#"{"metadata":[{"id":"a,b","title":"Comma"},{"id":"c","title":"Plain"}]}"#;
    let put = service.send(Method::POST, "/v1/metadata:batchPut", Some(body)).await.unwrap();
    assert_eq!((put.status, put.json()["metadata"].as_array().unwrap().len()), (StatusCode::OK, 2));

    let titles = |json: serde_json::Value| -> Vec<String> {
        json["metadata"].as_array().unwrap().iter().map(|row| row["title"].as_str().unwrap().into()).collect()
    };
    let some = service.get("/v1/metadata?ids=c,missing,a%2Cb,c").await.unwrap();
    assert_eq!(titles(some.json()), ["Plain", "Comma"]);
    let request = proto::BatchGetMetadataRequest { ids: ["c", "missing", "a,b"].map(Into::into).to_vec() };
    let some = client.batch_get_metadata(request).await.unwrap().into_inner().metadata;
    assert_eq!(some.iter().map(|row| row.title.as_str()).collect::<Vec<_>>(), ["Plain", "Comma"]);
    service.stop().await.unwrap();
}

#[tokio::test]
async fn page_tokens_continue_lists_and_searches() {
    let (service, mut client) = start().await;
    let rows: Vec<_> = (0..5).map(|n| json!({ "id": n.to_string(), "title": format!("Star {n}") })).collect();
    let body = json!({ "metadata": rows }).to_string();
    service.send(Method::POST, "/v1/metadata:batchPut", Some(&body)).await.unwrap();

    for list in ["/v1/metadata?pageSize=2", "/v1/metadata?query=star&pageSize=2"] {
        let (mut path, mut seen) = (list.to_owned(), Vec::new());
        loop {
            let page = service.get(&path).await.unwrap().json();
            let rows = page["metadata"].as_array().unwrap().clone();
            seen.extend(rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()));
            let Some(token) = page["nextPageToken"].as_str() else { break };
            path = format!("{list}&pageToken={token}");
        }
        assert_eq!(seen, ["0", "1", "2", "3", "4"], "{list}");
    }

    let mut request =
        proto::SearchMetadataRequest { page_size: 4, query: "STAR".into(), ..Default::default() };
    let first = client.search_metadata(request.clone()).await.unwrap().into_inner();
    request.page_token = first.next_page_token;
    let last = client.search_metadata(request).await.unwrap().into_inner();
    assert_eq!((first.metadata.len(), last.metadata.len(), last.next_page_token.as_str()), (4, 1, ""));
    service.stop().await.unwrap();
}

#[tokio::test]
async fn misspelt_query_is_corrected_over_both_protocols() {
    let (service, mut client) = start().await;
    let body = r#"{"title":"Interstellar"}"#;
    service.send(Method::PUT, "/v1/metadata/1", Some(body)).await.unwrap();
    for (query, corrected) in [("interstelar", Some("interstellar")), ("inter", None), ("intrstelar", None)] {
        let page = service.get(&format!("/v1/metadata?query={query}")).await.unwrap().json();
        assert_eq!(page.get("corrected").and_then(|text| text.as_str()), corrected, "{query}");
        let request = proto::SearchMetadataRequest { query: query.into(), ..Default::default() };
        let found = client.search_metadata(request).await.unwrap().into_inner();
        assert_eq!(found.corrected.as_deref(), corrected, "{query}");
        assert_eq!(found.metadata.len(), page["metadata"].as_array().unwrap().len(), "{query}");
        assert_eq!(found.metadata.is_empty(), query == "intrstelar");
    }
    service.stop().await.unwrap();
}

#[tokio::test]
async fn port_serves_description_health_and_metrics() {
    let (service, _) = start().await;
    let openapi = service.get("/openapi.json").await.unwrap().json();
    assert_eq!(document::faults(&openapi), [""; 0]);
    let expected = [
        "batchPutMetadata",
        "deleteMetadata",
        "getHealth",
        "getLogFilter",
        "getMetadata",
        "getMetadataAtRoot",
        "getMetadataShort",
        "getMetrics",
        "getOpenApi",
        "getReadiness",
        "listMetadata",
        "putLogFilter",
        "putMetadata",
    ];
    assert_eq!(document::operation_ids(&openapi), expected);
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(service.get(path).await.unwrap().status, StatusCode::OK, "{path}");
    }
    service.stop().await.unwrap();
}
