//! The life cycle with a registry that fails, recovers, loses its memory and hangs; time is simulated.

use super::*;
use crate::{InstanceSet, memory};
use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;
use tokio::time::Instant;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Well,
    Away,
    Refusing,
    Frozen,
}

/// A registry in memory whose calls fail or hang on demand.
struct Moody {
    inner: Arc<memory::Registry>,
    mood: Mutex<Mood>,
    calls: AtomicUsize,
    disturbed: Notify,
}

impl Moody {
    fn new(mood: Mood) -> Arc<Self> {
        Arc::new(Self {
            inner: memory::Registry::new(),
            mood: Mutex::new(mood),
            calls: AtomicUsize::new(0),
            disturbed: Notify::new(),
        })
    }

    fn becomes(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    fn holds(&self) -> usize {
        self.inner.watch("rating").next().now_or_never().flatten().unwrap().len()
    }

    async fn in_mood(&self) -> Result<(), Error> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Well => Ok(()),
            Mood::Away => Err(Error::new(Kind::Unavailable, "connection refused")),
            Mood::Refusing => Err(Error::new(Kind::PermissionDenied, "token lacks service:write")),
            Mood::Frozen => std::future::pending().await,
        }
    }
}

#[async_trait]
impl Registry for Moody {
    async fn register(&self, instance: &Instance) -> Result<(), Error> {
        self.in_mood().await?;
        self.inner.register(instance).await
    }

    async fn heartbeat(&self, instance: &Instance) -> Result<(), Error> {
        self.in_mood().await?;
        self.inner.heartbeat(instance).await
    }

    async fn deregister(&self, instance: &Instance) -> Result<(), Error> {
        self.in_mood().await?;
        self.inner.deregister(instance).await
    }

    fn watch(&self, service: &str) -> BoxStream<'static, InstanceSet> {
        self.inner.watch(service)
    }

    async fn disturbed(&self) {
        self.disturbed.notified().await;
    }
}

struct Running {
    registry: Arc<Moody>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    fn start(mood: Mood) -> Self {
        let registry = Moody::new(mood);
        let stop = CancellationToken::new();
        let instance = Instance {
            service: "rating".into(),
            id: "rating-host-8082".into(),
            host: "127.0.0.1".into(),
            port: 8082,
            tags: Vec::new(),
        };
        let task = tokio::spawn(announce(registry.clone(), instance, stop.clone()));
        Self { registry, stop, task }
    }

    /// Cancels the registration and returns how long it took to end.
    async fn stop(self) -> Duration {
        let before = Instant::now();
        self.stop.cancel();
        self.task.await.unwrap();
        before.elapsed()
    }
}

async fn seconds(n: f64) {
    sleep(Duration::from_secs_f64(n)).await;
}

#[tokio::test(start_paused = true)]
async fn registers_sends_heartbeats_every_five_seconds_and_deregisters() {
    let running = Running::start(Mood::Well);
    let registry = running.registry.clone();
    seconds(0.1).await;
    assert_eq!((registry.holds(), registry.calls()), (1, 1));
    seconds(50.0).await;
    assert_eq!(registry.calls(), 11);
    assert!(running.stop().await < Duration::from_millis(10));
    assert_eq!(registry.holds(), 0);
}

#[tokio::test(start_paused = true)]
async fn start_without_registry_registers_within_a_second_of_its_recovery() {
    let running = Running::start(Mood::Away);
    seconds(60.0).await;
    assert!(running.registry.calls() <= 130, "{} calls in a minute", running.registry.calls());
    running.registry.becomes(Mood::Well);
    seconds(1.01).await;
    assert_eq!(running.registry.holds(), 1);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn registry_restarted_empty_knows_instance_within_a_heartbeat() {
    let running = Running::start(Mood::Well);
    seconds(0.1).await;
    running.registry.inner.forget();
    seconds(5.01).await;
    assert_eq!(running.registry.holds(), 1);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn possible_memory_loss_triggers_heartbeat_immediately() {
    let running = Running::start(Mood::Well);
    seconds(0.1).await;
    running.registry.inner.forget();
    running.registry.disturbed.notify_waiters();
    seconds(0.1).await;
    assert_eq!(running.registry.holds(), 1);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn rejecting_registry_is_called_less_often() {
    let running = Running::start(Mood::Refusing);
    seconds(60.0).await;
    assert!(running.registry.calls() <= 32, "{} calls in a minute", running.registry.calls());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn frozen_registry_delays_stop_by_two_seconds_at_most() {
    let running = Running::start(Mood::Well);
    seconds(0.1).await;
    running.registry.becomes(Mood::Frozen);
    seconds(10.0).await;
    let took = running.stop().await;
    assert!(took >= CALL && took < CALL + Duration::from_millis(10), "{took:?}");
}
