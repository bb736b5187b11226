//! Invalid responses of Consul cause one warning, and nothing else.

use crate::log::Log;
use crate::script::{Reply, Script};
use discovery::consul::{Config, Registry};
use discovery::{InstanceSet, Registry as _};
use futures::StreamExt;
use futures::stream::BoxStream;
use std::time::Duration;
use tokio::time::timeout;

/// Twice the maximum body size plus the sockets' buffers, in bytes.
const MOST_TAKEN: usize = 64 * 1024 * 1024;

struct Bad {
    name: String,
    /// Sent twice in a row, between good responses.
    reply: Reply,
    /// A part of the only warning.
    warning: &'static str,
}

fn answer(status: u16, body: &str, warning: &'static str) -> Bad {
    Bad { name: status.to_string(), reply: Reply::answer(status, body), warning }
}

fn body(name: &str, body: &str, warning: &'static str) -> Bad {
    Bad { name: name.to_owned(), reply: Reply::Answer(200, Some(9), body.to_owned()), warning }
}

fn raw(name: &str, text: &str, warning: &'static str) -> Bad {
    Bad { name: name.to_owned(), reply: Reply::Cut(text.to_owned()), warning }
}

async fn next(watch: &mut BoxStream<'static, InstanceSet>) -> Vec<u16> {
    let set = timeout(Duration::from_secs(20), watch.next()).await.expect("a change").unwrap();
    set.iter().map(|instance| instance.port).collect()
}

/// Watches `rating` through good responses, the bad one twice, and good ones again.
async fn survives(Bad { name, reply, warning }: Bad) {
    let log = Log::start();
    let replies = [Reply::set(8, &[1]), reply.clone(), reply, Reply::set(9, &[1]), Reply::set(10, &[2])];
    let script = Script::start(replies).await;
    let wait = Duration::from_millis(50);
    let registry = Registry::new(Config { url: script.url.clone(), wait, ..Config::default() }).unwrap();
    let mut watch = registry.watch("rating");
    assert_eq!(next(&mut watch).await, [1], "{name}");
    assert_eq!(next(&mut watch).await, [2], "{name}: nothing between the two sets");
    assert!(registry.is_up(), "{name}");
    assert!(script.taken() < MOST_TAKEN, "{name}: {} bytes were taken", script.taken());
    let warnings = log.lines("WARN");
    assert_eq!(warnings.len(), 1, "{name}: {warnings:#?}");
    assert!(warnings[0].contains(warning), "{name}: {warnings:?}");
    assert_eq!(log.lines("ERROR"), [""; 0], "{name}");
    let back =
        log.lines("INFO").iter().filter(|line| line.contains("back") || line.contains("again")).count();
    assert_eq!(back, 1, "{name}: {:#?}", log.lines("INFO"));
}

#[tokio::test]
async fn unusable_response_is_one_warning_and_last_good_set_stays() {
    let gzip =
        "HTTP/1.1 200 OK\r\nX-Consul-Index: 9\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n[]";
    let moved = "HTTP/1.1 301 Moved\r\nLocation: /ui/\r\nContent-Length: 0\r\n\r\n";
    for bad in [
        answer(500, "No cluster leader", "the registry is unreachable"),
        answer(503, "", "the registry is unreachable"),
        answer(429, "rate limit exceeded", "the registry is unreachable"),
        answer(403, "Permission denied", "Permission denied"),
        answer(400, "Invalid index", "Invalid index"),
        answer(404, "", "consul returned 404"),
        answer(204, "", "consul returned 204"),
        answer(200, "[]", "has no X-Consul-Index"),
        body("HTML", "<html><body>Sign in</body></html>", "can't be decoded"),
        body("half a document", r#"[{"Service":{"ID":"rating-1","Po"#, "can't be decoded"),
        body("another shape", r#"{"rating":[]}"#, "can't be decoded"),
        body("nothing", "", "can't be decoded"),
        body("a deep document", &"[".repeat(100_000), "can't be decoded"),
        raw("a redirect", moved, "consul returned 301"),
        raw("a compressed body that nobody asked for", &gzip.replace("[]", "\u{1f}x"), "can't be decoded"),
        raw(
            "a body cut short",
            "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[",
            "the registry is unreachable",
        ),
        raw("another protocol", "SSH-2.0-OpenSSH\r\n", "the registry is unreachable"),
        raw("nothing at all", "", "the registry is unreachable"),
    ] {
        survives(bad).await;
    }
}

#[tokio::test]
async fn endless_response_is_aborted_by_size() {
    survives(Bad { name: "endless".into(), reply: Reply::Endless, warning: "larger than 16777216 bytes" })
        .await;
}

#[tokio::test]
async fn endless_response_is_aborted_by_time() {
    survives(Bad { name: "trickled".into(), reply: Reply::Trickle, warning: "did not respond within" }).await;
}

/// Sends two responses in a row with `instance` beside a good one, then one without it.
async fn told(instance: &str) -> (Vec<String>, Vec<String>) {
    let log = Log::start();
    let both = |index| {
        let good = r#"{"Service":{"ID":"rating-1","Address":"127.0.0.1","Port":1}}"#;
        Reply::Answer(200, Some(index), format!("[{good},{instance}]"))
    };
    let script = Script::start([both(8), both(9), Reply::set(10, &[2])]).await;
    let registry = Registry::new(Config { url: script.url.clone(), ..Config::default() }).unwrap();
    let mut watch = registry.watch("rating");
    let set = timeout(Duration::from_secs(20), watch.next()).await.expect("a set").unwrap();
    assert_eq!(next(&mut watch).await, [2], "{instance}");
    let found = set.iter().map(|instance| format!("{} {}", instance.id, instance.authority())).collect();
    (found, log.lines("WARN"))
}

#[tokio::test]
async fn instance_with_invalid_address_is_one_warning_and_omitted() {
    for (instance, flaw) in [
        (r#"{"Service":{"ID":"x","Address":"h","Port":0}}"#, "invalid port 0"),
        (r#"{"Service":{"ID":"x","Address":"h"}}"#, "invalid port 0"),
        (r#"{"Service":{"ID":"x","Address":"h","Port":-1}}"#, "invalid port -1"),
        (r#"{"Service":{"ID":"x","Address":"h","Port":65536}}"#, "invalid port 65536"),
        (r#"{"Node":{"Address":""},"Service":{"ID":"x","Address":"","Port":5}}"#, "address"),
        (r#"{"Service":{"ID":"x","Address":"a name","Port":5}}"#, "a name"),
        (r#"{"Service":{"ID":"x","Address":"h/../y","Port":5}}"#, "h/../y"),
    ] {
        let (found, warnings) = told(instance).await;
        assert_eq!(found, ["rating-1 127.0.0.1:1"], "{instance}");
        assert_eq!(warnings.len(), 1, "{instance}: {warnings:#?}");
        assert!(warnings[0].contains(flaw), "{instance}: {warnings:?}");
    }
}

#[tokio::test]
async fn empty_address_means_that_of_node_and_id_with_white_space_is_one_warning() {
    let node = r#"{"Node":{"Address":"10.0.0.7"},"Service":{"ID":"x","Address":"","Port":5}}"#;
    let (found, warnings) = told(node).await;
    assert_eq!(found, ["rating-1 127.0.0.1:1", "x 10.0.0.7:5"]);
    assert_eq!(warnings, [""; 0], "this is what Consul means by it");

    let (found, warnings) = told(r#"{"Service":{"ID":"my rating\n1","Address":"h","Port":5}}"#).await;
    assert_eq!(found, ["my rating\n1 h:5", "rating-1 127.0.0.1:1"]);
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    assert!(warnings[0].contains(r"my rating\n1"), "a line of the log stays a line: {warnings:?}");
}

#[tokio::test]
async fn index_that_alternates_is_one_warning() {
    let log = Log::start();
    let set = Reply::set;
    let script =
        Script::start([set(7, &[1]), set(3, &[1]), set(7, &[1]), set(3, &[1]), set(3, &[2]), set(4, &[3])])
            .await;
    let registry = Registry::new(Config { url: script.url.clone(), ..Config::default() }).unwrap();
    let mut watch = registry.watch("rating");
    for port in [1, 2, 3] {
        assert_eq!(next(&mut watch).await, [port]);
    }
    let warnings = log.lines("WARN");
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    assert!(warnings[0].contains("index went back"), "{warnings:?}");

    script.then(set(2, &[4]));
    assert_eq!(next(&mut watch).await, [4]);
    assert_eq!(log.lines("WARN").len(), 2, "after a rise it is news again");
}
