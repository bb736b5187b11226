//! The client's requests, and its handling of responses.

use crate::script::{Reply, Script};
use discovery::consul::{Config, Registry};
use discovery::{Instance, InstanceSet, Registry as _};
use fault::{Fault, Kind};
use futures::StreamExt;
use futures::stream::BoxStream;
use std::time::{Duration, Instant};
use tokio::time::timeout;

fn answer(status: u16, body: &str) -> Reply {
    Reply::answer(status, body)
}

fn set(index: u64, ports: &[u16]) -> Reply {
    Reply::set(index, ports)
}

fn registry(script: &Script) -> Registry {
    let wait = Duration::from_secs(20);
    Registry::new(Config { url: script.url.clone(), wait, ..Config::default() }).unwrap()
}

fn instance() -> Instance {
    Instance {
        service: "rating".into(),
        id: "rating-host-8082".into(),
        host: "10.0.0.7".into(),
        port: 8082,
        tags: vec!["grpc".into()],
    }
}

async fn ports(watch: &mut BoxStream<'static, InstanceSet>) -> Vec<u16> {
    let set = timeout(Duration::from_secs(10), watch.next()).await.expect("a change").unwrap();
    set.iter().map(|instance| instance.port).collect()
}

/// Returns the `index` of each poll so far.
fn indexes(script: &Script) -> Vec<String> {
    let index = |request: String| {
        let target = request.split(' ').nth(1).unwrap().to_owned();
        target.split("index=").nth(1).unwrap().split('&').next().unwrap().to_owned()
    };
    script.requests().into_iter().map(index).collect()
}

#[tokio::test]
async fn registration_has_check_and_token_and_passes_immediately() {
    let script = Script::start([answer(200, ""), answer(200, "")]).await;
    let config = Config { url: script.url.clone(), token: Some("s3cret".into()), ..Config::default() };
    assert!(!format!("{config:?}").contains("s3cret"));
    let registry = Registry::new(config).unwrap();
    registry.register(&instance()).await.unwrap();

    let [register, pass]: [String; 2] = script.requests().try_into().unwrap();
    assert!(register.starts_with("PUT /v1/agent/service/register HTTP/1.1\r\n"), "{register}");
    assert!(register.contains("\r\nx-consul-token: s3cret\r\n"), "{register}");
    let body: serde_json::Value = serde_json::from_str(register.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    let expected = serde_json::json!({
        "ID": "rating-host-8082", "Name": "rating", "Address": "10.0.0.7", "Port": 8082, "Tags": ["grpc"],
        "Check": {"TTL": "15s", "Status": "passing", "DeregisterCriticalServiceAfter": "1m"},
    });
    assert_eq!(body, expected);
    assert!(pass.starts_with("PUT /v1/agent/check/update/service:rating-host-8082 "), "{pass}");
    assert!(pass.contains(r#""Status":"passing""#), "{pass}");
}

#[tokio::test]
async fn lost_check_is_not_found_in_every_version_and_other_failures_are_not() {
    let cases = [
        (404, r#"Unknown check ID "service:x". Ensure that the check ID is passed"#, Kind::NotFound),
        (500, r#"Unknown check "service:x""#, Kind::NotFound),
        (500, r#"CheckID "service:x" does not have associated TTL"#, Kind::Unavailable),
        (403, "Permission denied", Kind::PermissionDenied),
        (429, "RPC rate limit exceeded", Kind::RateLimited),
        (301, "", Kind::Internal),
    ];
    let script = Script::start(cases.iter().map(|(status, body, _)| answer(*status, body))).await;
    for (status, body, kind) in cases {
        let error = registry(&script).heartbeat(&instance()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{status} {body}");
        assert!(error.to_string().contains(body), "{error}");
    }
}

#[tokio::test]
async fn deregistering_unknown_instance_succeeds() {
    let old = r#"Unknown service "rating-host-8082""#;
    let script = Script::start([answer(200, ""), answer(404, "Unknown service ID"), answer(500, old)]).await;
    for _ in 0..3 {
        registry(&script).deregister(&instance()).await.unwrap();
    }
    assert!(script.requests()[0].starts_with("PUT /v1/agent/service/deregister/rating-host-8082 "));
}

#[tokio::test]
async fn names_are_escaped_in_path_and_prefix_is_kept() {
    let script = Script::start([set(1, &[1])]).await;
    let url = format!("{}/consul/", script.url);
    let registry = Registry::new(Config { url, ..Config::default() }).unwrap();
    assert_eq!(ports(&mut registry.watch("a name/with?#")).await, [1]);
    let request = &script.requests()[0];
    assert!(
        request.starts_with("GET /consul/v1/health/service/a%20name%2Fwith%3F%23?passing=1&"),
        "{request}"
    );
}

#[tokio::test]
async fn url_without_scheme_is_http_and_invalid_one_is_rejected() {
    let script = Script::start([set(1, &[1])]).await;
    let url = script.url.trim_start_matches("http://").to_owned();
    let registry = Registry::new(Config { url, ..Config::default() }).unwrap();
    assert_eq!(ports(&mut registry.watch("rating")).await, [1]);
    for url in ["ftp://x:1", "http://", "", "http://x:port"] {
        let error = Registry::new(Config { url: url.into(), ..Config::default() }).unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidArgument, "{url}");
        assert!(error.to_string().contains("consul `"), "{error}");
    }
}

#[tokio::test]
async fn poll_has_last_index_or_0_if_index_went_back() {
    let script = Script::start([set(7, &[1]), set(9, &[2]), set(3, &[3]), set(3, &[3]), set(4, &[4])]).await;
    let mut watch = registry(&script).watch("rating");
    for port in [1, 2, 3, 4] {
        assert_eq!(ports(&mut watch).await, [port]);
    }
    assert_eq!(indexes(&script), ["0", "7", "9", "0", "3"]);
    assert!(script.requests()[0].contains("wait=20000ms"));
}

#[tokio::test]
async fn invalid_responses_keep_last_set_and_reset_index() {
    let bad = [
        answer(500, "No cluster leader"),
        Reply::Answer(200, Some(9), "<html>".into()),
        Reply::Answer(200, Some(9), r#"[{"Service":{"ID":"#.into()),
        answer(200, "[]"),
        Reply::Cut("HTTP/1.1 200 OK\r\nX-Consul-Index: 9\r\nContent-Length: 100\r\n\r\n[".into()),
        Reply::Cut("SSH-2.0-OpenSSH\r\n".into()),
        Reply::Endless,
    ];
    for reply in bad {
        let script = Script::start([set(8, &[1]), reply, set(9, &[1]), set(10, &[2])]).await;
        let mut watch = registry(&script).watch("rating");
        assert_eq!(ports(&mut watch).await, [1]);
        assert_eq!(ports(&mut watch).await, [2], "nothing between the two sets");
        assert_eq!(indexes(&script), ["0", "8", "0", "9"]);
    }
}

#[tokio::test]
async fn instance_with_invalid_address_is_omitted() {
    let services = r#"[{"Node":{"Address":"10.0.0.1"},"Service":{"ID":"a","Address":"","Port":5}},
        {"Node":{"Address":"10.0.0.1"},"Service":{"ID":"b","Address":""}}]"#;
    let script = Script::start([Reply::Answer(200, Some(1), services.into())]).await;
    let set = registry(&script).watch("rating").next().await.unwrap();
    assert_eq!(set.iter().map(Instance::authority).collect::<Vec<_>>(), ["10.0.0.1:5"]);
}

#[tokio::test]
async fn immediate_responses_without_news_are_polled_at_most_every_fifty_milliseconds() {
    let script = Script::start((1..=9).map(|_| set(1, &[1])).chain([set(2, &[2])])).await;
    let mut watch = registry(&script).watch("rating");
    assert_eq!(ports(&mut watch).await, [1]);
    let before = Instant::now();
    assert_eq!(ports(&mut watch).await, [2]);
    assert!(before.elapsed() >= Duration::from_millis(400), "{:?}", before.elapsed());
}

#[tokio::test]
async fn hanging_consul_times_out_after_wait_and_margin() {
    let script = Script::start([set(1, &[1]), Reply::Hang]).await;
    let wait = Duration::from_millis(160);
    let config = Config { url: script.url.clone(), wait, ..Config::default() };
    let mut watch = Registry::new(config).unwrap().watch("rating");
    assert_eq!(ports(&mut watch).await, [1]);
    script.then(set(2, &[2]));
    let before = Instant::now();
    assert_eq!(ports(&mut watch).await, [2]);
    assert!(before.elapsed() >= Duration::from_millis(2170), "{:?}", before.elapsed());
}

#[tokio::test]
async fn consul_restarted_empty_is_believed_after_grace() {
    let script = Script::start([set(8, &[1]), answer(500, "restarting"), set(3, &[]), Reply::Hang]).await;
    let config = Config { url: script.url.clone(), grace: Duration::from_secs(1), ..Config::default() };
    let mut watch = Registry::new(config).unwrap().watch("rating");
    assert_eq!(ports(&mut watch).await, [1]);
    let before = Instant::now();
    assert_eq!(ports(&mut watch).await, [0u16; 0]);
    assert!(before.elapsed() >= Duration::from_secs(1), "{:?}", before.elapsed());
}

#[tokio::test]
async fn losing_consul_triggers_heartbeats_of_registered_instances() {
    let script = Script::start([set(8, &[1]), answer(500, "restarting"), set(9, &[2])]).await;
    let registry = registry(&script);
    let mut watch = registry.watch("rating");
    let disturbed = timeout(Duration::from_secs(10), registry.disturbed());
    let (disturbed, ()) = tokio::join!(disturbed, async {
        assert_eq!(ports(&mut watch).await, [1]);
        assert_eq!(ports(&mut watch).await, [2]);
    });
    disturbed.expect("a word of it");
}
