//! Losses that are not believed: lists after an outage, without read permission, or from a server without a current
//! view.

use crate::log::Log;
use crate::script::{Reply, Script};
use discovery::consul::{Config, Registry};
use discovery::{Doubts, Instance, InstanceSet, Registry as _};
use fault::{Fault, Kind};
use futures::StreamExt;
use futures::stream::BoxStream;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

const RATING: &str = "/health/service/rating?";
const METADATA: &str = "/health/service/metadata?";
const HEARTBEAT: &str = "/check/update/";

fn registry(script: &Script) -> Registry {
    Registry::new(Config { url: script.url.clone(), ..Config::default() }).unwrap()
}

fn movie() -> Instance {
    let (service, id, host) = ("movie".into(), "movie-1".into(), "127.0.0.1".into());
    Instance { service, id, host, port: 1, tags: Vec::new() }
}

type Watch = BoxStream<'static, InstanceSet>;

async fn next(watch: &mut Watch) -> Vec<u16> {
    let set = timeout(Duration::from_secs(20), watch.next()).await.expect("a change").unwrap();
    set.iter().map(|instance| instance.port).collect()
}

/// Waits until `script` got `count` requests for `text`.
async fn asked(script: &Script, text: &str, count: usize) {
    let wait = async {
        let lines = || script.requests().iter().filter(|request| request.contains(text)).count();
        while lines() < count {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(Duration::from_secs(20), wait).await.unwrap_or_else(|_| panic!("not {count} times {text}"));
}

/// Both watches have seen two instances and wait for news, an empty list, which is sent when `healed` gets permits.
/// The response after it, which waits for `later`, lists three.
struct Cut {
    script: Script,
    registry: Registry,
    healed: Arc<Semaphore>,
    later: Arc<Semaphore>,
    following: [JoinHandle<Vec<u16>>; 2],
}

impl Cut {
    async fn begin() -> Self {
        let script = Script::start([]).await;
        let [healed, later] = [0, 0].map(|permits| Arc::new(Semaphore::new(permits)));
        let registry = registry(&script);
        let mut following = Vec::new();
        for (service, route) in [("rating", RATING), ("metadata", METADATA)] {
            let gone = Reply::After(healed.clone(), Box::new(Reply::set(9, &[])));
            let back = Reply::After(later.clone(), Box::new(Reply::set(10, &[1, 2, 3])));
            script.on(route, [Reply::set(8, &[1, 2]), gone, back]);
            let mut watch = registry.watch(service);
            assert_eq!(next(&mut watch).await, [1, 2]);
            following.push(tokio::spawn(async move { next(&mut watch).await }));
            asked(&script, route, 2).await;
        }
        let following = following.try_into().unwrap();
        Self { script, registry, healed, later, following }
    }

    /// Lets the waiting queries return; returns what each watch sees next.
    async fn heal(self) -> [Vec<u16>; 2] {
        self.healed.add_permits(2);
        for route in [RATING, METADATA] {
            asked(&self.script, route, 3).await;
        }
        assert_eq!(self.registry.doubts().retaining, 2);
        self.later.add_permits(2);
        let [one, other] = self.following;
        [one.await.unwrap(), other.await.unwrap()]
    }
}

#[tokio::test]
async fn outage_noticed_only_by_heartbeat_is_known_to_every_watch() {
    let log = Log::start();
    let cut = Cut::begin().await;
    cut.script.on(HEARTBEAT, [Reply::Hang, Reply::answer(200, "")]);
    assert_eq!(cut.registry.heartbeat(&movie()).await.unwrap_err().kind(), Kind::Timeout);
    cut.registry.heartbeat(&movie()).await.unwrap();
    assert!(cut.registry.is_up());
    assert_eq!(cut.heal().await, [[1, 2, 3], [1, 2, 3]], "nothing between the two sets");
    let warnings = log.lines("WARN");
    assert_eq!(warnings.len(), 3, "the outage, and each set that is kept: {warnings:#?}");
}

#[tokio::test]
async fn any_failed_heartbeat_casts_doubt_on_loss() {
    for (reply, kind) in [
        (Reply::Cut(String::new()), Kind::Unavailable),
        (Reply::answer(404, "Unknown check ID"), Kind::NotFound),
        (Reply::answer(403, "Permission denied"), Kind::PermissionDenied),
        (Reply::answer(200, "<html>Sign in</html>"), Kind::Internal),
    ] {
        let cut = Cut::begin().await;
        cut.script.on(HEARTBEAT, [reply]);
        assert_eq!(cut.registry.heartbeat(&movie()).await.unwrap_err().kind(), kind);
        assert_eq!(cut.heal().await, [[1, 2, 3], [1, 2, 3]], "{kind:?}");
    }
}

#[tokio::test]
async fn loss_is_believed_immediately_while_registry_is_healthy() {
    let cut = Cut::begin().await;
    cut.script.on(HEARTBEAT, [Reply::answer(200, "")]);
    cut.registry.heartbeat(&movie()).await.unwrap();
    cut.healed.add_permits(2);
    let [one, other] = cut.following;
    assert_eq!([one.await.unwrap(), other.await.unwrap()], [[0u16; 0]; 2]);
}

#[tokio::test]
async fn registration_answered_by_proxy_is_rejected() {
    let script = Script::start([]).await;
    script.always(Reply::answer(200, "<html>Sign in</html>"));
    let registry = registry(&script);
    assert_eq!(registry.register(&movie()).await.unwrap_err().kind(), Kind::Internal);
    assert_eq!(registry.doubts(), Doubts { unusable: 1, ..Doubts::default() });
    assert_eq!(registry.deregister(&movie()).await.unwrap_err().kind(), Kind::Internal);
    script.always(Reply::answer(200, "null\n"));
    registry.register(&movie()).await.unwrap();
    assert_eq!(registry.doubts(), Doubts::default());
}

#[tokio::test]
async fn instances_that_token_may_not_read_are_retained_with_one_warning() {
    let log = Log::start();
    let filtered = |index, ports: &[u16]| {
        let lines = "X-Consul-Results-Filtered-By-Acls: true\r\n";
        Reply::With(lines, Box::new(Reply::set(index, ports)))
    };
    let answers = [
        Reply::set(8, &[1, 2]),
        filtered(9, &[]),
        filtered(10, &[]),
        filtered(11, &[2, 3]),
        Reply::set(12, &[3]),
    ];
    let script = Script::start(answers).await;
    let registry = registry(&script);
    let mut watch = registry.watch("rating");
    assert_eq!(next(&mut watch).await, [1, 2]);
    assert_eq!(next(&mut watch).await, [1, 2, 3], "nothing between the two sets");
    assert_eq!(registry.doubts(), Doubts { filtered: 1, ..Doubts::default() });
    assert_eq!(next(&mut watch).await, [3], "a token that may read again");
    assert_eq!(registry.doubts(), Doubts::default());
    let warnings = log.lines("WARN");
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    assert!(warnings[0].contains("the ACL token may not read all instances"), "{warnings:?}");
    assert_eq!(log.lines("INFO").len(), 1, "{:#?}", log.lines("INFO"));
}

#[tokio::test]
async fn server_without_current_view_is_not_believed() {
    for lines in [
        "X-Consul-Knownleader: false\r\n",
        "X-Consul-Knownleader: false\r\nX-Consul-Query-Backend: blocking-query\r\n",
        "X-Consul-Knownleader: true\r\nX-Consul-Lastcontact: 60000\r\n",
    ] {
        let stale = Reply::With(lines, Box::new(Reply::set(9, &[])));
        let script = Script::start([Reply::set(8, &[1]), stale, Reply::set(10, &[1, 2])]).await;
        let mut watch = registry(&script).watch("rating");
        assert_eq!(next(&mut watch).await, [1]);
        assert_eq!(next(&mut watch).await, [1, 2], "{lines}");
    }
    for lines in [
        "X-Consul-Knownleader: true\r\nX-Consul-Lastcontact: 20\r\n",
        "X-Consul-Knownleader: false\r\nX-Consul-Lastcontact: 0\r\nX-Consul-Query-Backend: streaming\r\n",
    ] {
        let empty = Reply::With(lines, Box::new(Reply::set(9, &[])));
        let script = Script::start([Reply::set(8, &[1]), empty]).await;
        let mut watch = registry(&script).watch("rating");
        assert_eq!(next(&mut watch).await, [1]);
        assert_eq!(next(&mut watch).await, [0u16; 0], "{lines}");
    }
}
