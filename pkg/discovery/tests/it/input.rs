//! What a Consul that answers badly does to a watch: one warning, and nothing else.

use crate::log::Log;
use crate::script::{Reply, Script};
use discovery::consul::{Config, Registry};
use discovery::{InstanceSet, Registry as _};
use futures::StreamExt;
use futures::stream::BoxStream;
use std::time::Duration;
use tokio::time::timeout;

/// Twice the largest body that is read, and what the sockets between hold beside it, in bytes.
const MOST_TAKEN: usize = 64 * 1024 * 1024;

struct Bad {
    name: String,
    /// Comes twice in a row, between good answers.
    reply: Reply,
    /// What the one warning says.
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

/// Follows `rating` through good answers, the bad one twice, and good ones again.
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
async fn an_answer_that_cannot_be_used_is_one_warning_and_the_last_good_set_stays() {
    let gzip =
        "HTTP/1.1 200 OK\r\nX-Consul-Index: 9\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n[]";
    let moved = "HTTP/1.1 301 Moved\r\nLocation: /ui/\r\nContent-Length: 0\r\n\r\n";
    for bad in [
        answer(500, "No cluster leader", "the registry is away"),
        answer(503, "", "the registry is away"),
        answer(429, "rate limit exceeded", "the registry is away"),
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
        raw("a body cut short", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[", "the registry is away"),
        raw("another protocol", "SSH-2.0-OpenSSH\r\n", "the registry is away"),
        raw("nothing at all", "", "the registry is away"),
    ] {
        survives(bad).await;
    }
}

#[tokio::test]
async fn a_response_without_an_end_is_given_up_by_its_size() {
    survives(Bad { name: "endless".into(), reply: Reply::Endless, warning: "larger than 16777216 bytes" })
        .await;
}

#[tokio::test]
async fn a_response_without_an_end_is_given_up_by_its_time() {
    survives(Bad { name: "trickled".into(), reply: Reply::Trickle, warning: "did not respond within" }).await;
}

/// Two answers in a row with `instance` beside a good one, then what there is without it.
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
async fn an_instance_that_cannot_be_called_is_one_warning_and_left_out() {
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
async fn an_empty_address_is_the_nodes_and_an_id_with_blanks_is_called_with_one_warning() {
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
async fn an_index_that_goes_to_and_fro_is_one_warning() {
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
