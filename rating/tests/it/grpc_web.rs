//! A browser's calls.

use super::start;
use api::rating::v1 as proto;
use axum::http::StatusCode;
use prost::Message;
use serde_json::json;
use service::testing::Running;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Puts a rating and returns the bytes of the response.
async fn put(service: &Running, content_type: &str) -> Vec<u8> {
    let rating = proto::PutRatingRequest {
        user_id: "ann".into(),
        record_id: "1".into(),
        record_type: "movie".into(),
        rating_value: 9,
        ..Default::default()
    };
    let message = rating.encode_to_vec();
    let len = u32::try_from(message.len()).unwrap().to_be_bytes();
    let body = [&[0], &len[..], &message].concat();
    let head = format!(
        "POST /rating.v1.RatingService/PutRating HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
         content-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(service.authority()).await.unwrap();
    stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.unwrap();
    response
}

#[tokio::test]
async fn rating_is_stored_if_response_has_trailer_frame_and_not_if_type_is_refused() {
    let (service, _) = start().await;
    let path = "/v1/ratings/movie/1/users/ann";
    for refused in ["application/grpc-web+json", "application/grpcweb+proto", "application/grpc"] {
        assert!(put(&service, refused).await.starts_with(b"HTTP/1.1 415 "), "{refused}");
        assert_eq!(service.get(path).await.unwrap().status, StatusCode::NOT_FOUND, "{refused}");
    }
    let response = put(&service, "application/grpc-web+proto").await;
    assert!(response.starts_with(b"HTTP/1.1 200 "));
    let trailers = b"\x80\0\0\0\x0fgrpc-status:0\r\n";
    assert!(response.windows(trailers.len()).any(|bytes| bytes == trailers), "{response:?}");
    assert_eq!(service.get(path).await.unwrap().json()["value"], json!(9));
    service.stop().await.unwrap();
}
