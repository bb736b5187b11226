//! Simulated instances by port, each with a configured behaviour and a count of its calls.

use client::{Class, Client, Failure, Instances, Mode, Options, Statistics};
use fault::{Fault, Kind};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How an instance handles each call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Respond,
    RespondAfter(Duration),
    Fail(Class),
    FailAfter(Duration, Class),
    Freeze,
}

/// A failure of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed as {0:?}")]
pub(crate) struct Failed(pub(crate) Class);

impl Failure for Failed {
    fn class(&self) -> Class {
        self.0
    }
}

impl Fault for Failed {
    fn kind(&self) -> Kind {
        Kind::Unavailable
    }
}

pub(crate) type Outcome = Result<u16, client::Error<Failed>>;

/// All instances of one service.
#[derive(Clone, Default)]
pub(crate) struct Backends {
    behaviour: Arc<Mutex<HashMap<u16, Behaviour>>>,
    calls: Arc<Mutex<HashMap<u16, usize>>>,
    finished: Arc<AtomicUsize>,
    concurrent: Arc<AtomicUsize>,
    max_concurrent: Arc<AtomicUsize>,
    /// The instances and their statistics, once a client was created.
    instances: Arc<OnceLock<Instances>>,
}

impl Backends {
    pub(crate) fn new(behaviour: impl IntoIterator<Item = (u16, Behaviour)>) -> Self {
        Self { behaviour: Arc::new(Mutex::new(behaviour.into_iter().collect())), ..Self::default() }
    }

    pub(crate) fn set(&self, port: u16, behaviour: Behaviour) {
        self.behaviour.lock().unwrap().insert(port, behaviour);
    }

    pub(crate) fn calls(&self, port: u16) -> usize {
        self.calls.lock().unwrap().get(&port).copied().unwrap_or(0)
    }

    pub(crate) fn all_calls(&self) -> usize {
        self.calls.lock().unwrap().values().sum()
    }

    /// Returns the number of calls that were not cancelled.
    pub(crate) fn finished(&self) -> usize {
        self.finished.load(Ordering::Relaxed)
    }

    /// Returns the highest number of concurrent calls.
    pub(crate) fn max_concurrent(&self) -> usize {
        self.max_concurrent.load(Ordering::Relaxed)
    }

    /// Creates a client of a fixed list of all these instances.
    pub(crate) fn client(&self) -> Client<u16> {
        self.client_with(Options::default())
    }

    pub(crate) fn client_with(&self, options: Options) -> Client<u16> {
        let instances = self.instances.get_or_init(|| {
            let ports: Vec<_> =
                self.behaviour.lock().unwrap().keys().map(|port| format!("h:{port}")).collect();
            Instances::fixed("rating", ports).unwrap()
        });
        Client::new(instances, |instance| instance.port, options)
    }

    /// Returns the statistics of all clients.
    pub(crate) fn statistics(&self) -> Statistics {
        self.instances.get().unwrap().statistics()
    }

    pub(crate) async fn call(&self, client: &Client<u16>, mode: Mode) -> Outcome {
        self.call_within(client, mode, Duration::from_secs(2)).await
    }

    pub(crate) async fn call_within(&self, client: &Client<u16>, mode: Mode, timeout: Duration) -> Outcome {
        client.call(Instant::now() + timeout, mode, |port, _| self.clone().respond(port)).await
    }

    /// Waits until no try is in flight, abandoned ones included.
    pub(crate) async fn settle(&self) {
        let settled = async {
            while self.statistics().in_flight > 0 {
                sleep(Duration::from_millis(1)).await;
            }
        };
        assert!(timeout(Duration::from_secs(10), settled).await.is_ok(), "{:?}", self.statistics());
    }

    async fn respond(self, port: u16) -> Result<u16, Failed> {
        *self.calls.lock().unwrap().entry(port).or_default() += 1;
        let concurrent = self.concurrent.fetch_add(1, Ordering::Relaxed) + 1;
        self.max_concurrent.fetch_max(concurrent, Ordering::Relaxed);
        let behaviour = self.behaviour.lock().unwrap()[&port];
        let result = match behaviour {
            Behaviour::Respond => Ok(port),
            Behaviour::RespondAfter(time) => {
                sleep(time).await;
                Ok(port)
            }
            Behaviour::Fail(class) => Err(Failed(class)),
            Behaviour::FailAfter(time, class) => {
                sleep(time).await;
                Err(Failed(class))
            }
            Behaviour::Freeze => std::future::pending().await,
        };
        self.concurrent.fetch_sub(1, Ordering::Relaxed);
        self.finished.fetch_add(1, Ordering::Relaxed);
        result
    }
}
