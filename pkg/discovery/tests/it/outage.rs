//! An outage of Consul is logged once for all its clients.

use crate::log::Log;
use crate::script::{Reply, Script};
use discovery::consul::{Config, Registry};
use discovery::{Instance, Registry as _, registration};
use futures::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Waits until `holds`.
#[track_caller]
fn until(what: &str, holds: impl Fn() -> bool) -> impl Future<Output = ()> {
    let wait = async move {
        while !holds() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    async move { timeout(Duration::from_secs(20), wait).await.unwrap_or_else(|_| panic!("never {what}")) }
}

#[tokio::test]
async fn several_watches_and_a_heartbeat_log_each_change_once() {
    let log = Log::start();
    let script = Script::start([]).await;
    script.always(Reply::set(5, &[1]));
    let config = Config { url: script.url.clone(), ..Config::default() };
    let registry = Arc::new(Registry::new(config).unwrap());
    for service in ["rating", "metadata", "movie"] {
        let mut watch = registry.watch(service);
        tokio::spawn(async move { while watch.next().await.is_some() {} });
    }
    let instance = Instance {
        service: "rating".into(),
        id: "rating-1".into(),
        host: "127.0.0.1".into(),
        port: 1,
        tags: Vec::new(),
    };
    let stop = CancellationToken::new();
    let announced = tokio::spawn(registration::announce(registry.clone(), instance, stop.clone()));
    let polls = |service: &str| {
        script
            .requests()
            .iter()
            .filter(|request| request.contains(&format!("/health/service/{service}?")))
            .count()
    };
    let beats = || script.requests().iter().filter(|request| request.contains("/check/update/")).count();
    until("registered", || beats() > 0 && ["rating", "metadata", "movie"].iter().all(|s| polls(s) > 0)).await;
    assert!(registry.is_up());

    for outage in 1..=2 {
        let before = ["rating", "metadata", "movie"].map(polls);
        let beaten = beats();
        script.always(Reply::Cut(String::new()));
        until("down", || !registry.is_up()).await;
        // Every client notices several times.
        let failed =
            || ["rating", "metadata", "movie"].iter().zip(before).all(|(s, before)| polls(s) > before + 3);
        until("tried again", || failed() && beats() > beaten + 2).await;
        assert!(!registry.is_up());
        script.always(Reply::set(5, &[1]));
        until("up", || registry.is_up()).await;

        let warnings = log.lines("WARN");
        assert_eq!(warnings.len(), outage, "{warnings:#?}");
        assert!(warnings[outage - 1].contains("the registry is unreachable"), "{warnings:?}");
        assert!(warnings[outage - 1].contains(script.url.trim_start_matches("http://")), "{warnings:?}");
        let back =
            log.lines("INFO").iter().filter(|line| line.contains("the registry is reachable again")).count();
        assert_eq!(back, outage, "{:#?}", log.lines("INFO"));
    }
    stop.cancel();
    announced.await.unwrap();
    let told = log.lines("INFO").len();
    assert_eq!(told, 4, "registered, back, back, deregistered: {:#?}", log.lines("INFO"));
}

#[tokio::test]
async fn start_without_consul_is_one_warning() {
    let log = Log::start();
    let script = Script::start([]).await;
    script.always(Reply::Cut(String::new()));
    let registry = Registry::new(Config { url: script.url.clone(), ..Config::default() }).unwrap();
    assert!(registry.is_up(), "nobody has asked yet");
    let mut watch = registry.watch("rating");
    tokio::select! {
        _ = watch.next() => panic!("a set from nowhere"),
        () = until("tried", || script.requests().len() > 3) => {}
    }
    assert!(!registry.is_up());
    assert_eq!(log.lines("WARN").len(), 1, "{:#?}", log.lines("WARN"));
    script.always(Reply::set(5, &[1]));
    assert_eq!(watch.next().await.unwrap().len(), 1);
    assert!(registry.is_up());
}
