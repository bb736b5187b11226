//! Dispatch of requests on the only port.

use crate::running::{Running, soon};
use futures::stream;
use http::Method;
use serde_json::json;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::{v1, v1alpha};

#[tokio::test]
async fn one_port_serves_rest_on_both_http_versions_and_grpc() {
    let running = Running::start().await;
    for client in [running.client(), running.http2()] {
        assert_eq!(client.get("/greet/a%2Fb%20%C3%A9").await.text(), "hello a/b é");
        assert_eq!(client.get("/list?ids=b,a%2Cc,b").await.json(), json!(["b", "a,c", "b"]));
        let rated =
            client.send(Method::POST, "/rate", &[("content-type", "application/json")], r#"{"value":7}"#);
        assert_eq!(rated.await.unwrap().json(), json!(7));
    }
    let mut health = HealthClient::new(running.channel());
    for service in ["", "small.v1.Small"] {
        let answer = health.check(HealthCheckRequest { service: service.into() }).await.unwrap();
        assert_eq!(answer.into_inner().status, 1, "{service:?}");
    }
    let unknown = health.check(HealthCheckRequest { service: "other".into() }).await.unwrap_err();
    assert_eq!(unknown.code(), tonic::Code::NotFound);
    running.stop().await;
}

#[tokio::test]
async fn reflection_lists_every_service_in_both_versions() {
    let running = Running::start().await;
    let expected = ["grpc.health.v1.Health", "small.v1.Small"];

    use v1::server_reflection_request::MessageRequest;
    use v1::server_reflection_response::MessageResponse;
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(running.channel());
    let request = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers = client.server_reflection_info(stream::iter([request])).await.unwrap().into_inner();
    let answer = soon(answers.message()).await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(list) = answer else { panic!("{answer:?}") };
    let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    assert!(expected.iter().all(|name| names.iter().any(|found| found == name)), "{names:?}");

    use v1alpha::server_reflection_request::MessageRequest as OldRequest;
    use v1alpha::server_reflection_response::MessageResponse as OldResponse;
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(running.channel());
    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(OldRequest::FileContainingSymbol("small.v1.Small".into())),
    };
    let mut answers = client.server_reflection_info(stream::iter([request])).await.unwrap().into_inner();
    let answer = soon(answers.message()).await.unwrap().unwrap().message_response.unwrap();
    assert!(matches!(answer, OldResponse::FileDescriptorResponse(_)), "{answer:?}");
    running.stop().await;
}

#[tokio::test]
async fn unknown_path_is_reported_in_each_protocol() {
    let running = Running::start().await;
    for client in [running.client(), running.http2()] {
        assert_eq!(client.get("/nowhere?x=1").await.problem(404, "/nowhere"), "NotFound");

        let wrong = client.send(Method::DELETE, "/greet/x", &[], "").await.unwrap();
        assert_eq!(wrong.problem(405, "/greet/x"), "MethodNotAllowed");
        assert_eq!(wrong.header("allow"), "GET,HEAD");

        let wrong = client.send(Method::POST, "/healthz", &[], "").await.unwrap();
        assert_eq!(wrong.problem(405, "/healthz"), "MethodNotAllowed");
    }
    for method in ["/small.v1.Small/Nothing", "/other.v1.Other/Nothing", "/nowhere"] {
        assert_eq!(running.http2().call(method, &[]).await.grpc().0, 12, "{method}");
    }
    running.stop().await;
}

#[tokio::test]
async fn percent_encoded_unreserved_characters_of_path_are_decoded() {
    let running = Running::start().await;
    for client in [running.client(), running.http2()] {
        for (path, text) in [
            ("/%67%72eet/x", "hello x"),
            ("/greet/%61%2D%2e%5F%7e", "hello a-._~"),
            ("/%67reet/a%2Fb%252F%2541", "hello a/b%2F%41"),
            ("/gree%74/%C3%A9", "hello é"),
            ("/%6cist?ids=%61,b%2Cc", r#"["a","b,c"]"#),
        ] {
            assert_eq!(client.get(path).await.text(), text, "{path}");
        }
        for (path, status) in
            [("/%67reet/%FF", 400), ("/greet%2Fx", 404), ("/greet/x%2", 200), ("/%6Eowhere", 404)]
        {
            let answer = client.get(path).await;
            assert_eq!(answer.status, status, "{path}");
            if status != 200 {
                assert_eq!(answer.json()["instance"], path);
            }
        }
        assert_eq!(client.get("/%67reet/x?y=1").await.problem(400, "/%67reet/x"), "InvalidArgument");
    }
    let metrics = running.client().get("/metrics").await;
    let line = r#"requests_total{protocol="http",route="/greet/{name}",status="200"} 10"#;
    assert!(metrics.text().lines().any(|found| found == line), "{}", metrics.text());
    running.stop().await;
}

#[tokio::test]
async fn unknown_parameter_is_400_on_every_route_and_method() {
    let running = Running::start().await;
    for client in [running.client(), running.http2()] {
        for (method, path) in [
            (Method::GET, "/greet/x"),
            (Method::HEAD, "/greet/x"),
            (Method::POST, "/rate"),
            (Method::GET, "/list"),
            (Method::HEAD, "/list"),
            (Method::GET, "/healthz"),
            (Method::GET, "/readyz"),
            (Method::GET, "/metrics"),
            (Method::HEAD, "/metrics"),
            (Method::GET, "/openapi.json"),
        ] {
            let headers = [("content-type", "application/json")];
            for (query, field) in
                [("dryRun=true", "dryRun"), ("&dry%52un", "dryRun"), ("Ids=a&x", "Ids"), ("%FF=a", "query")]
            {
                let target = format!("{path}?{query}");
                let refused = client.send(method.clone(), &target, &headers, r#"{"value":7}"#).await.unwrap();
                assert_eq!(refused.status, 400, "{method} {target}");
                if method != Method::HEAD {
                    assert_eq!(refused.problem(400, path), "InvalidArgument");
                    assert_eq!(refused.json()["errors"][0]["field"], field, "{method} {target}");
                }
            }
            for query in ["?", "?&&"] {
                let target = format!("{path}{query}");
                let served = client.send(method.clone(), &target, &headers, r#"{"value":7}"#).await.unwrap();
                assert_eq!(served.status, if path == "/list" { 400 } else { 200 }, "{method} {target}");
            }
        }
        let head = client.send(Method::HEAD, "/list?ids=a", &[], "").await.unwrap();
        assert_eq!(head.status, 200);
        assert_eq!(client.get("/list?ids=a&ids=b").await.json()["errors"][0]["reason"], "is given twice");
        for path in ["/list", "/healthz"] {
            let wrong = client.send(Method::DELETE, &format!("{path}?x=1"), &[], "").await.unwrap();
            assert_eq!(wrong.problem(405, path), "MethodNotAllowed");
        }
    }
    running.stop().await;
}

#[tokio::test]
async fn path_or_parameter_that_is_not_utf8_names_field() {
    let running = Running::start().await;
    let client = running.client();
    for (path, field) in [("/greet/%FF", "name"), ("/nowhere/%FF", "path"), ("/list?ids=%FF", "ids")] {
        let answer = client.get(path).await;
        assert_eq!(answer.problem(400, path.split('?').next().unwrap()), "InvalidArgument");
        assert_eq!(answer.json()["errors"], json!([{"field": field, "reason": "must be UTF-8"}]));
    }
    assert_eq!(client.get("/list").await.json()["errors"][0]["field"], "ids");
    running.stop().await;
}

#[tokio::test]
async fn head_responds_like_get_without_body() {
    let running = Running::start().await;
    for client in [running.client(), running.http2()] {
        for path in ["/greet/x", "/healthz", "/nowhere", "/broken"] {
            let get = client.get(path).await;
            let head = client.send(Method::HEAD, path, &[], "").await.unwrap();
            assert_eq!(head.status, get.status, "{path}");
            assert!(head.body.is_empty(), "{path}");
            for header in ["content-type", "content-length"] {
                assert_eq!(head.header(header), get.header(header), "{header} of {path}");
            }
        }
    }
    running.stop().await;
}

#[tokio::test]
async fn internal_failure_hides_its_text() {
    let running = Running::start().await;
    let rest = running.client().get("/broken").await;
    assert_eq!(rest.problem(503, "/broken"), "Unavailable");
    let grpc = running.http2().call("/small.v1.Small/Broken", &[]).await;
    assert_eq!(grpc.grpc().0, 14);
    for text in [rest.text(), grpc.grpc().1] {
        assert!(!text.contains("secret") && !text.contains("table"), "{text}");
    }
    running.stop().await;
}

#[tokio::test]
async fn common_paths_are_on_every_port() {
    let running = Running::start().await;
    let client = running.client();
    assert_eq!(client.get("/healthz").await.status, 200);
    assert_eq!(client.get("/readyz").await.status, 200);
    let openapi = client.get("/openapi.json").await;
    assert_eq!(openapi.header("content-type"), "application/json");
    assert!(openapi.json()["openapi"].is_string());

    running.shared.ready.store(false, std::sync::atomic::Ordering::Relaxed);
    let unready = client.get("/readyz").await;
    assert_eq!(unready.problem(503, "/readyz"), "Unavailable");
    assert!(unready.json()["detail"].as_str().unwrap().contains("the disk is away"));
    assert_eq!(client.get("/healthz").await.status, 200);
    running.stop().await;
}
