//! Instances that join, leave and stay, through a registry.

use client::{Class, Client, Error, Failure, Instances, Mode, Options};
use discovery::{Instance, Registry, memory};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

#[derive(Debug, thiserror::Error)]
#[error("never")]
struct Never;

impl Failure for Never {
    fn class(&self) -> Class {
        Class::Application
    }
}

fn instance(port: u16) -> Instance {
    let id = format!("rating-h-{port}");
    Instance { service: "rating".into(), id, host: "h".into(), port, tags: Vec::new() }
}

/// A connection that is counted while it is open.
#[derive(Clone)]
struct Connection(Arc<Open>);

struct Open {
    port: u16,
    count: Arc<AtomicUsize>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Fixture {
    registry: Arc<memory::Registry>,
    instances: Instances,
    open: Arc<AtomicUsize>,
    made: Arc<AtomicUsize>,
}

impl Fixture {
    fn new() -> Self {
        let registry = memory::Registry::new();
        let instances = Instances::watch(&*registry, "rating");
        Self { registry, instances, open: Arc::default(), made: Arc::default() }
    }

    fn client(&self) -> Client<Connection> {
        let (open, made) = (self.open.clone(), self.made.clone());
        let connect = move |instance: &Instance| {
            open.fetch_add(1, Ordering::Relaxed);
            made.fetch_add(1, Ordering::Relaxed);
            Connection(Arc::new(Open { port: instance.port, count: open.clone() }))
        };
        Client::new(&self.instances, connect, Options::default())
    }

    async fn opens(&self, count: usize) {
        let reached = async {
            while self.open.load(Ordering::Relaxed) != count {
                sleep(Duration::from_millis(1)).await;
            }
        };
        let open = || self.open.load(Ordering::Relaxed);
        assert!(timeout(Duration::from_secs(5), reached).await.is_ok(), "{} open, not {count}", open());
    }
}

async fn call(client: &Client<Connection>) -> Result<u16, Error<Never>> {
    let deadline = Instant::now() + Duration::from_secs(2);
    client.call(deadline, Mode::Read, |connection, _| async move { Ok(connection.0.port) }).await
}

#[tokio::test]
async fn connections_open_before_a_call_and_close_when_the_instance_leaves() {
    let fixture = Fixture::new();
    let client = fixture.client();
    for port in [1, 2] {
        fixture.registry.register(&instance(port)).await.unwrap();
    }
    fixture.opens(2).await;
    fixture.registry.deregister(&instance(1)).await.unwrap();
    fixture.opens(1).await;
    for _ in 0..20 {
        assert_eq!(call(&client).await.unwrap(), 2);
    }
    let tagged = Instance { tags: vec!["new".into()], ..instance(2) };
    fixture.registry.register(&tagged).await.unwrap();
    fixture.registry.register(&instance(3)).await.unwrap();
    fixture.opens(2).await;
    assert_eq!(fixture.made.load(Ordering::Relaxed), 3, "an instance that stays keeps its connection");
}

#[tokio::test]
async fn moved_instance_gets_a_new_connection() {
    let fixture = Fixture::new();
    let client = fixture.client();
    fixture.registry.register(&instance(1)).await.unwrap();
    fixture.opens(1).await;
    let moved = Instance { port: 9, ..instance(1) };
    fixture.registry.register(&moved).await.unwrap();
    let arrived = async {
        while call(&client).await.unwrap() != 9 {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(5), arrived).await.unwrap();
    fixture.opens(1).await;
}

#[tokio::test]
async fn last_clone_closes_all_connections() {
    let fixture = Fixture::new();
    fixture.registry.register(&instance(1)).await.unwrap();
    let client = fixture.client();
    let clone = client.clone();
    fixture.opens(1).await;
    drop(client);
    assert_eq!(call(&clone).await.unwrap(), 1);
    drop(clone);
    fixture.opens(0).await;
}

#[tokio::test]
async fn clients_on_two_runtimes_share_one_watch_but_no_connections() {
    let fixture = Fixture::new();
    fixture.registry.register(&instance(1)).await.unwrap();
    let here = fixture.client();
    fixture.opens(1).await;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let there = fixture.client();
                assert_eq!(call(&there).await.unwrap(), 1);
                assert_eq!(fixture.made.load(Ordering::Relaxed), 2);
            });
        });
    });
    assert_eq!(call(&here).await.unwrap(), 1);
}

#[tokio::test]
async fn service_without_instances_is_unavailable_at_once() {
    let fixture = Fixture::new();
    let client = fixture.client();
    let start = Instant::now();
    let error = call(&client).await.unwrap_err();
    assert!(matches!(&error, Error::NoInstance { service } if service == "rating"), "{error:?}");
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
}

/// A registry that never reports a set.
struct Silent;

#[async_trait::async_trait]
impl Registry for Silent {
    async fn register(&self, _: &Instance) -> Result<(), discovery::Error> {
        Ok(())
    }

    async fn heartbeat(&self, _: &Instance) -> Result<(), discovery::Error> {
        Ok(())
    }

    async fn deregister(&self, _: &Instance) -> Result<(), discovery::Error> {
        Ok(())
    }

    fn watch(&self, _: &str) -> futures::stream::BoxStream<'static, discovery::InstanceSet> {
        Box::pin(futures::stream::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn call_waits_at_most_a_second_for_the_first_report_of_the_registry() {
    let instances = Instances::watch(&Silent, "rating");
    let client = Client::new(&instances, |instance| instance.port, Options::default());
    for (patience, waits) in [(2000, 1000), (300, 300)] {
        let start = Instant::now();
        let deadline = start + Duration::from_millis(patience);
        let outcome = client.call(deadline, Mode::Read, |port, _| async move { Ok::<_, Never>(port) }).await;
        assert!(matches!(outcome, Err(Error::NoInstance { .. })), "{outcome:?}");
        assert!(start.elapsed().as_millis().abs_diff(waits) < 5, "{:?}", start.elapsed());
    }
}

/// Calls every `pause` until `port` is called, for at most 300 ms. Returns whether it was called.
async fn is_called(client: &Client<Connection>, port: u16, pause: Duration) -> bool {
    let end = Instant::now() + Duration::from_millis(300);
    while Instant::now() < end {
        if call(client).await.unwrap() == port {
            return true;
        }
        sleep(pause).await;
    }
    false
}

#[tokio::test(start_paused = true)]
async fn new_instance_is_called_within_300_ms_and_one_that_left_is_not_called_after_300_ms() {
    for pause in [10, 100].map(Duration::from_millis) {
        for _ in 0..20 {
            let fixture = Fixture::new();
            let client = fixture.client();
            for port in 1..=9 {
                fixture.registry.register(&instance(port)).await.unwrap();
            }
            fixture.opens(9).await;
            for _ in 0..20 {
                call(&client).await.unwrap();
                sleep(pause).await;
            }
            fixture.registry.register(&instance(10)).await.unwrap();
            assert!(is_called(&client, 10, pause).await, "every {pause:?}");

            fixture.registry.deregister(&instance(10)).await.unwrap();
            sleep(Duration::from_millis(300)).await;
            for _ in 0..50 {
                assert_ne!(call(&client).await.unwrap(), 10);
            }
        }
    }
}
