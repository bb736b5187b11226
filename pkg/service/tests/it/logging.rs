//! The log of a running service: the identity of requests, one line per failure, the access log, and its filter.

use crate::process::{ended, serving_with, signal};
use crate::running::{Answer, Caller, PATIENCE, Running, soon};
use http::Method;
use serde_json::{Value, json};
use service::Config;
use std::process::Child;
use std::time::{Duration, Instant};

/// Stops the service and returns the lines of its log.
async fn lines(child: Child) -> Vec<Value> {
    signal(&child, "TERM");
    let output = soon(tokio::task::spawn_blocking(|| child.wait_with_output())).await.unwrap().unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    let lines = log.lines().filter(|line| !line.starts_with("running"));
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn of_target<'a>(lines: &'a [Value], target: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["target"] == target).collect()
}

fn with_level<'a>(lines: &'a [Value], level: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["level"] == level).collect()
}

fn request_id(answer: &Answer) -> &str {
    answer.headers["x-request-id"].to_str().unwrap()
}

async fn put_filter(client: &Caller, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers = [&[("content-type", "application/json")], headers].concat();
    client.send(Method::PUT, "/admin/log", &headers, body.to_owned()).await.unwrap()
}

#[tokio::test]
async fn failure_is_logged_once_with_id_of_its_request() {
    let (child, rest, http2) = serving_with("info", &[]);
    let given = [("x-request-id", "mine-1")];
    let broken = rest.send(Method::GET, "/broken?x=1", &given, "").await.unwrap();
    assert_eq!(request_id(&broken), "mine-1");
    let late = rest.get("/never").await;
    let panicked = rest.get("/panic").await;
    let calls = [
        http2.call("/small.v1.Small/Broken", &given).await,
        http2.call("/small.v1.Small/Slow", &[]).await,
        http2.call("/small.v1.Small/Panic", &[]).await,
    ];
    // Neither the caller's mistakes nor its impatience are failures of the service.
    rest.get("/nowhere").await;
    rest.post("/rate", "{").await;
    http2.call("/small.v1.Small/Slow", &[("grpc-timeout", "10m")]).await;
    // The end of this connection is the only sign.
    _ = http2.send(Method::GET, "/breaks-off", &[], "").await;
    let lines = lines(child).await;
    let ids = [request_id(&broken), request_id(&late), request_id(&panicked)].into_iter();
    let ids = ids.chain(calls.iter().map(request_id));
    let expected: Vec<_> = ["/broken", "/never", "/panic"]
        .into_iter()
        .chain(["Broken", "Slow", "Panic"].map(|method| match method {
            "Broken" => "/small.v1.Small/Broken",
            "Slow" => "/small.v1.Small/Slow",
            _ => "/small.v1.Small/Panic",
        }))
        .zip(ids)
        .collect();
    let failures = with_level(&lines, "ERROR");
    let (panics, failures): (Vec<_>, Vec<_>) =
        failures.into_iter().partition(|line| line["target"] == "service::telemetry::panic");
    let logged: Vec<_> = failures
        .iter()
        .map(|line| (line["path"].as_str().unwrap(), line["request_id"].as_str().unwrap()))
        .collect();
    assert_eq!(logged, expected);
    assert!(failures.iter().all(|line| line["service"] == "small"), "{failures:?}");
    let cause = failures[2]["cause"].as_str().unwrap();
    assert!(cause.contains("the handler's secret") && cause.contains("running.rs:"), "{cause}");
    assert!(failures[1]["cause"].as_str().unwrap().contains("time limit"), "{failures:?}");
    let [panic] = &panics[..] else { panic!("{panics:?}") };
    assert!(panic["message"].as_str().unwrap().contains("the body's secret"), "{panic}");
    assert!(with_level(&lines, "WARN").is_empty(), "{lines:?}");
    let outside = lines.iter().find(|line| line["message"] == "serving").unwrap();
    assert!(outside.get("request_id").is_none() && outside.get("trace_id").is_none(), "{outside}");
}

#[tokio::test]
async fn access_log_has_a_line_per_request() {
    let (child, rest, http2) = serving_with("info", &[("PROCESS_TEST_ACCESS", "1")]);
    let greeting = rest.send(Method::GET, "/list?ids=secret", &[("x-request-id", "mine-1")], "").await;
    assert_eq!(greeting.unwrap().text(), r#"["secret"]"#);
    let missing = rest.get("/nowhere").await;
    let call = http2.call("/small.v1.Small/Left", &[]).await;
    let unknown = http2.call("/small.v1.Small/Unknown", &[]).await;
    let lines = lines(child).await;
    let access = of_target(&lines, "access");
    assert_eq!(access.len(), 4, "{lines:?}");
    let expected = [
        json!({"protocol": "http", "method": "GET", "route": "/list", "path": "/list", "status": 200,
               "bytes": 10, "request_id": "mine-1", "service": "small", "level": "INFO"}),
        json!({"protocol": "http", "path": "/nowhere", "status": 404, "request_id": request_id(&missing)}),
        json!({"protocol": "grpc", "method": "POST", "route": "/small.v1.Small/Left",
               "path": "/small.v1.Small/Left", "code": "FAILED_PRECONDITION", "bytes": 0,
               "request_id": request_id(&call)}),
        json!({"protocol": "grpc", "path": "/small.v1.Small/Unknown", "code": "UNIMPLEMENTED",
               "request_id": request_id(&unknown)}),
    ];
    for (line, expected) in access.iter().zip(expected) {
        for (field, value) in expected.as_object().unwrap() {
            assert_eq!(&line[field], value, "{field} of {line}");
        }
        assert!(line["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{line}");
        let took = line["duration_ms"].as_f64().unwrap();
        assert!((0.0..15_000.0).contains(&took), "{line}");
    }
    assert!(!access[0].to_string().contains("secret"), "{access:?}");
    assert!(access[1].get("route").is_none() && access[3].get("route").is_none(), "{access:?}");
}

#[tokio::test]
async fn sample_of_access_log_omits_only_successes() {
    let (child, rest, http2) = serving_with("info", &[("PROCESS_TEST_ACCESS", "0")]);
    for _ in 0..20 {
        rest.get("/greet/x").await;
        http2.call("/grpc.health.v1.Health/Check", &[]).await;
    }
    rest.get("/nowhere").await;
    http2.call("/small.v1.Small/Left", &[]).await;
    let lines = lines(child).await;
    let paths: Vec<_> = of_target(&lines, "access").iter().map(|line| line["path"].clone()).collect();
    assert_eq!(paths, ["/nowhere", "/small.v1.Small/Left"]);
}

#[tokio::test]
async fn requests_are_not_logged_by_default() {
    let (child, rest, _) = serving_with("info", &[]);
    rest.get("/nowhere").await;
    assert!(of_target(&lines(child).await, "access").is_empty());
}

#[tokio::test]
async fn filter_is_replaced_while_the_service_runs() {
    let (child, rest, http2) = serving_with("info", &[]);
    let early = [("grpc-timeout", "10m")];
    // Logged at level debug only.
    let detail = async || http2.call("/small.v1.Small/Slow", &early).await;
    assert_eq!(rest.get("/admin/log").await.text(), r#"{"filter":"info"}"#);
    detail().await;
    let put = put_filter(&rest, &[], r#"{"filter":"warn,service=debug"}"#).await;
    assert_eq!((put.status.as_u16(), put.text()), (200, r#"{"filter":"warn,service=debug"}"#));
    assert_eq!(http2.get("/admin/log").await.text(), put.text());
    detail().await;
    for (body, field) in [
        (r#"{"filter":"metadata=loud"}"#, "filter"),
        (r#"{"filter":7}"#, "filter"),
        (r#"{"filter":null}"#, "filter"),
        ("{}", "filter"),
        (r#"{"filter":"info","level":"x"}"#, "level"),
        ("", "body"),
        ("info", "body"),
    ] {
        let refused = put_filter(&rest, &[], body).await;
        let problem: Value = serde_json::from_str(refused.text()).unwrap();
        assert_eq!((refused.status.as_u16(), &problem["errors"][0]["field"]), (400, &json!(field)), "{body}");
    }
    assert_eq!(rest.get("/admin/log").await.text(), put.text());
    put_filter(&rest, &[], r#"{"filter":"off"}"#).await;
    detail().await;
    rest.get("/broken").await;
    let lines = lines(child).await;
    assert_eq!(with_level(&lines, "DEBUG").len(), 1, "{lines:?}");
    assert!(with_level(&lines, "ERROR").is_empty(), "{lines:?}");
    let replaced = lines.iter().find(|line| line["filter"] == "warn,service=debug").unwrap();
    assert!(replaced["request_id"].is_string(), "{replaced}");
}

#[tokio::test]
async fn web_page_can_not_replace_filter() {
    let (child, rest, _) = serving_with("info", &[]);
    let other = [("origin", "http://evil.example")];
    // As after DNS rebinding.
    let same = [("origin", "http://evil.example"), ("host", "evil.example")];
    for headers in [&other[..], &same[..]] {
        let refused = put_filter(&rest, headers, r#"{"filter":"off"}"#).await;
        assert_eq!(refused.status.as_u16(), 403, "{}", refused.text());
    }
    assert_eq!(rest.get("/admin/log").await.text(), r#"{"filter":"info"}"#);
    signal(&child, "TERM");
    ended(child);
}

/// Returns an address of this host other than loopback.
fn own_address() -> Option<std::net::IpAddr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    // Nothing is sent.
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

#[tokio::test]
async fn only_callers_on_the_host_see_and_replace_filter() {
    let Some(own) = own_address() else {
        eprintln!("this host has only loopback");
        return;
    };
    let listen = (own, 0).into();
    let running = Running::with(Config { listen, ..Config::for_tests() }).await;
    let client = running.client();
    let local =
        [("x-forwarded-for", "127.0.0.1"), ("forwarded", "for=127.0.0.1"), ("x-real-ip", "127.0.0.1")];
    for headers in [&[][..], &local[..]] {
        let refused = put_filter(&client, headers, r#"{"filter":"off"}"#).await;
        assert_eq!(refused.status.as_u16(), 403, "{}", refused.text());
        // Before its body is judged.
        assert_eq!(put_filter(&client, headers, "{").await.status.as_u16(), 403);
        let refused = client.send(Method::GET, "/admin/log", headers, "").await.unwrap();
        assert_eq!(refused.status.as_u16(), 403);
    }
    running.stop().await;
}

#[tokio::test]
async fn signal_toggles_debug() {
    let (child, rest, http2) = serving_with("warn", &[]);
    for expected in ["debug", "warn", "debug"] {
        signal(&child, "USR1");
        let (began, expected) = (Instant::now(), json!({ "filter": expected }).to_string());
        while rest.get("/admin/log").await.text() != expected {
            assert!(began.elapsed() < PATIENCE, "{expected}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    // Logged at level debug only.
    http2.call("/small.v1.Small/Slow", &[("grpc-timeout", "10m")]).await;
    put_filter(&rest, &[], r#"{"filter":"error"}"#).await;
    let lines = lines(child).await;
    assert_eq!(with_level(&lines, "DEBUG").len(), 1, "{lines:?}");
}
