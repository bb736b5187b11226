//! Rules for every path: methods, unknown paths, rejected parameters, tokens, compression.

use crate::agent::Agent;
use agent::Config;
use flate2::read::GzDecoder;
use std::io::Read;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn wrong_method_is_405_with_allow() {
    let agent = Agent::start().await;
    for (method, path, allowed) in [
        ("GET", "/v1/agent/check/pass/service:web", "OPTIONS,PUT"),
        ("POST", "/v1/agent/service/register", "OPTIONS,PUT"),
        ("HEAD", "/v1/agent/services", "OPTIONS,GET"),
        ("DELETE", "/v1/health/service/web", "OPTIONS,GET"),
    ] {
        let answer = agent.send(method, path, "", "").await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allowed)), "{method} {path}");
        if method != "HEAD" {
            assert_eq!(answer.refusal().1, format!("method {method} not allowed"));
        }
    }
    let options = agent.send("OPTIONS", "/v1/agent/service/register", "", "").await;
    assert_eq!((options.status, options.header("allow"), &*options.body), (200, Some("OPTIONS,PUT"), ""));
}

#[tokio::test]
async fn unknown_path_is_404_with_consuls_text() {
    let agent = Agent::start().await;
    let answer = agent.get("/v1/nope").await;
    assert_eq!(answer.refusal(), (404, "Invalid URL path: not a recognized HTTP API endpoint\n"));
    let text = "Invalid URL path: if attempting to use the HTTP API, ensure the path starts with '/v1/'\n";
    assert_eq!(agent.get("/nope").await.refusal(), (404, text));
    assert_eq!(agent.get("/v1/agent/services/x").await.status, 404);
}

#[tokio::test]
async fn unnormalized_paths_and_root_are_redirected() {
    let agent = Agent::start().await;
    for (path, place) in [("/", "/ui/"), ("/v1//agent/services?a=b", "/v1/agent/services?a=b")] {
        let answer = agent.get(path).await;
        assert_eq!((answer.status, answer.header("location")), (301, Some(place)), "{path}");
    }
}

#[tokio::test]
async fn unsupported_parameters_are_rejected() {
    let agent = Agent::start().await;
    for (query, status, text) in [
        ("wait=10", 400, "Invalid wait time"),
        ("index=abc", 400, "Invalid index"),
        ("index=-1", 400, "Invalid index"),
        ("max_stale=10", 400, r#"Invalid max_stale value "10""#),
        ("passing=maybe", 400, "Invalid value for ?passing"),
        ("stale&consistent", 400, "Cannot specify ?stale with ?consistent, conflicting semantics."),
        ("ns=x", 400, r#"Invalid query parameter: "ns" - Namespaces are a Consul Enterprise feature"#),
        ("dc=zz", 500, "No path to datacenter"),
        ("cached&consistent", 400, "Cannot specify ?cached with ?consistent, conflicting semantics."),
        ("filter=Service", 500, "Failed to create boolean expression evaluator: no match found"),
        ("near=_agent", 501, r#"The development agent does not support the query parameter "near""#),
    ] {
        let answer = agent.get(&format!("/v1/health/service/web?{query}")).await;
        assert_eq!(answer.refusal(), (status, text), "{query}");
    }
    for (path, text) in [
        ("/v1/health/service/", "Missing service name"),
        ("/v1/health/node/", "Missing node name"),
        ("/v1/health/state/", "Missing check state"),
    ] {
        assert_eq!(agent.get(path).await.refusal(), (400, text));
    }
    assert_eq!(agent.get("/v1/health/service/web?dc=dc1").await.status, 200);
}

#[tokio::test]
async fn unsupported_headers_are_rejected() {
    let agent = Agent::start().await;
    for (header, feature) in [("X-Consul-Namespace", "Namespaces"), ("X-Consul-Partition", "Partitions")] {
        let answer = agent.send("GET", "/v1/health/service/web", &format!("{header}: x\r\n"), "").await;
        let text = format!("Invalid header: {header:?} - {feature} are a Consul Enterprise feature");
        assert_eq!(answer.refusal(), (400, &*text));
        let empty = agent.send("GET", "/v1/health/service/web", &format!("{header}: \r\n"), "").await;
        assert_eq!(empty.status, 200);
    }
}

#[tokio::test]
async fn failed_list_has_index_and_other_errors_have_none() {
    let agent = Agent::start().await;
    for (path, index) in [
        ("/v1/catalog/services?dc=zz", Some("1")),
        ("/v1/catalog/service/web?dc=zz", Some("1")),
        ("/v1/catalog/nodes?dc=zz", Some("1")),
        ("/v1/health/checks/web?dc=zz", Some("1")),
        ("/v1/health/node/dev?dc=zz", Some("1")),
        ("/v1/health/state/any?dc=zz", Some("1")),
        ("/v1/health/service/web?dc=zz", None),
        ("/v1/health/state/any?wait=10", None),
        ("/v1/agent/services?dc=zz", None),
    ] {
        let answer = agent.get(path).await;
        assert_eq!(answer.header("x-consul-index"), index, "{path}");
        assert_eq!(answer.header("x-consul-knownleader"), index.map(|_| "false"), "{path}");
    }
}

#[tokio::test]
async fn cached_query_is_reported_as_cache_miss() {
    let agent = Agent::start().await;
    for (path, told) in [
        ("/v1/health/service/web?cached", Some("MISS")),
        ("/v1/catalog/services?cached", Some("MISS")),
        ("/v1/health/service/web", None),
        ("/v1/catalog/nodes?cached", None),
    ] {
        assert_eq!(agent.get(path).await.header("x-cache"), told, "{path}");
    }
}

#[tokio::test]
async fn token_is_required_if_configured() {
    let agent = Agent::with(Config { token: Some("s3cret".into()), ..Config::default() }).await;
    let path = "/v1/agent/service/register";
    let body = r#"{"Name":"web"}"#;
    let none = agent.put(path, body).await;
    assert_eq!(none.header("x-consul-default-acl-policy"), Some("deny"));
    assert!(none.refusal().0 == 403 && none.body.starts_with("Permission denied: "), "{none:?}");
    let wrong = agent.send("PUT", path, "x-consul-token: other\r\n", body).await;
    assert_eq!(wrong.refusal(), (403, "ACL not found"));
    for header in ["X-Consul-Token: s3cret\r\n", "Authorization: bearer s3cret\r\n"] {
        agent.send("PUT", path, header, body).await.done();
    }
    agent.put(&format!("{path}?token=s3cret"), body).await.done();
    assert_eq!(agent.get("/v1/status/leader").await.status, 200);

    let open = Agent::start().await;
    open.send("PUT", path, "X-Consul-Token: any\r\n", body).await.done();
}

#[tokio::test]
async fn pretty_indents_by_four() {
    let agent = Agent::start().await;
    let answer = agent.get("/v1/catalog/datacenters?pretty").await;
    assert_eq!(answer.body, "[\n    \"dc1\"\n]\n");
}

#[tokio::test]
async fn empty_write_response_has_consuls_headers() {
    let agent = Agent::start().await;
    let answer = agent.register(r#"{"Name":"web"}"#).await;
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
}

#[tokio::test]
async fn long_body_is_compressed_if_accepted() {
    let agent = Agent::start().await;
    agent.register(r#"{"Name":"web"}"#).await.done();
    let long = "/v1/health/service/web?pretty";
    let plain = agent.get(long).await.body;
    assert!(plain.len() >= 1400, "{}", plain.len());
    for (path, accepts, compressed) in [
        (long, "gzip", true),
        (long, "deflate, GZIP;q=0.5", true),
        (long, "gzip;q=0", false),
        (long, "*, gzip;Q=0.000", false),
        (long, "br, *;q=0.5", true),
        (long, "xgzip, br;gzip", false),
        (long, "identity, gzip;q=0.5", false),
        (long, "identity", false),
        ("/v1/status/leader", "gzip", false),
    ] {
        let header = format!("accept-encoding: {accepts}\r\n");
        let (head, body) = agent.send_for_bytes("GET", path, &header, "").await;
        assert_eq!(head.contains("content-encoding: gzip"), compressed, "{path} {accepts}: {head}");
        assert!(head.contains("vary: Accept-Encoding"), "{head}");
        if compressed {
            let mut text = String::new();
            GzDecoder::new(&*body).read_to_string(&mut text).unwrap();
            assert_eq!(text, plain, "{accepts}");
            assert!(body.len() < plain.len());
        }
    }
}

#[tokio::test]
async fn body_that_ends_too_early_is_invalid_and_not_too_large() {
    let agent = Agent::start().await;
    let head = "PUT /v1/agent/service/register HTTP/1.1\r\nhost: agent\r\n";
    for rest in ["content-length: 100\r\n\r\n{", "transfer-encoding: chunked\r\n\r\nzz\r\n"] {
        let mut connection = TcpStream::connect(agent.address).await.unwrap();
        connection.write_all(format!("{head}{rest}").as_bytes()).await.unwrap();
        connection.shutdown().await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 "), "{rest}: {answer}");
        assert!(answer.ends_with("Request decode failed: unexpected EOF"), "{rest}: {answer}");
    }
}

#[tokio::test]
async fn blocked_or_unfinished_requests_delay_no_others() {
    let agent = Arc::new(Agent::start().await);
    let mut slow = Vec::new();
    for _ in 0..100 {
        let mut connection = TcpStream::connect(agent.address).await.unwrap();
        let head = "PUT /v1/agent/service/register HTTP/1.1\r\nhost: agent\r\ncontent-length: 100\r\n\r\n{";
        connection.write_all(head.as_bytes()).await.unwrap();
        slow.push(connection);
    }
    let index = agent.get("/v1/health/service/web").await.index();
    let waiting = (0..300).map(|_| {
        let (agent, path) = (agent.clone(), format!("/v1/health/service/web?index={index}&wait=60s"));
        tokio::spawn(async move { agent.get(&path).await })
    });
    let waiting: Vec<_> = waiting.collect();
    agent.register(r#"{"Name":"web"}"#).await.done();
    for query in waiting {
        assert_eq!(query.await.unwrap().json().as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn cross_origin_write_is_403() {
    let agent = Agent::start().await;
    let register = async |headers: &str| {
        let body = r#"{"Name":"rating","Port":8082}"#;
        agent.send("PUT", "/v1/agent/service/register", headers, body).await
    };
    for headers in ["Origin: http://evil.example\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n"] {
        assert_eq!(register(headers).await.status, 403, "{headers}");
        assert_eq!(agent.send("GET", "/v1/agent/services", headers, "").await.status, 200, "{headers}");
    }
    assert!(agent.passing("rating").await.is_empty());
    for headers in ["", "Origin: http://agent\r\n", "Sec-Fetch-Site: same-origin\r\n"] {
        register(headers).await.done();
    }
    assert_eq!(agent.passing("rating").await.len(), 1);
    assert_eq!(agent.send("GET", "/v1/agent/services", "Host: second\r\n", "").await.status, 400);
}
