//! Instances by port, each with what it does to a call and how many it got.

use client::{Class, Client, Failure, Instances, Mode, Options, Statistics};
use fault::{Fault, Kind};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// What an instance does to each call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Does {
    Answer,
    AnswerAfter(Duration),
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
    does: Arc<Mutex<HashMap<u16, Does>>>,
    calls: Arc<Mutex<HashMap<u16, usize>>>,
    finished: Arc<AtomicUsize>,
    at_once: Arc<AtomicUsize>,
    most_at_once: Arc<AtomicUsize>,
    /// Who was called, and by which numbers, once a client was made.
    instances: Arc<OnceLock<Instances>>,
}

impl Backends {
    pub(crate) fn new(does: impl IntoIterator<Item = (u16, Does)>) -> Self {
        Self { does: Arc::new(Mutex::new(does.into_iter().collect())), ..Self::default() }
    }

    pub(crate) fn set(&self, port: u16, does: Does) {
        self.does.lock().unwrap().insert(port, does);
    }

    pub(crate) fn calls(&self, port: u16) -> usize {
        self.calls.lock().unwrap().get(&port).copied().unwrap_or(0)
    }

    pub(crate) fn all_calls(&self) -> usize {
        self.calls.lock().unwrap().values().sum()
    }

    /// How many calls were not cancelled.
    pub(crate) fn finished(&self) -> usize {
        self.finished.load(Ordering::Relaxed)
    }

    /// How many calls there were at the same time.
    pub(crate) fn most_at_once(&self) -> usize {
        self.most_at_once.load(Ordering::Relaxed)
    }

    /// A client of a fixed list of all these instances.
    pub(crate) fn client(&self) -> Client<u16> {
        self.client_with(Options::default())
    }

    pub(crate) fn client_with(&self, options: Options) -> Client<u16> {
        let instances = self.instances.get_or_init(|| {
            let ports: Vec<_> = self.does.lock().unwrap().keys().map(|port| format!("h:{port}")).collect();
            Instances::fixed("rating", ports).unwrap()
        });
        Client::new(instances, |instance| instance.port, options)
    }

    /// What the calls of all clients came to.
    pub(crate) fn statistics(&self) -> Statistics {
        self.instances.get().unwrap().statistics()
    }

    pub(crate) async fn call(&self, client: &Client<u16>, mode: Mode) -> Outcome {
        self.call_within(client, mode, Duration::from_secs(2)).await
    }

    pub(crate) async fn call_within(&self, client: &Client<u16>, mode: Mode, patience: Duration) -> Outcome {
        client.call(Instant::now() + patience, mode, |port| self.clone().answer(port)).await
    }

    /// Waits until no try is in flight, not even one that no caller waits for.
    pub(crate) async fn settle(&self) {
        let settled = async {
            while self.statistics().in_flight > 0 {
                sleep(Duration::from_millis(1)).await;
            }
        };
        assert!(timeout(Duration::from_secs(10), settled).await.is_ok(), "{:?}", self.statistics());
    }

    async fn answer(self, port: u16) -> Result<u16, Failed> {
        *self.calls.lock().unwrap().entry(port).or_default() += 1;
        let at_once = self.at_once.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_at_once.fetch_max(at_once, Ordering::Relaxed);
        let does = self.does.lock().unwrap()[&port];
        let result = match does {
            Does::Answer => Ok(port),
            Does::AnswerAfter(time) => {
                sleep(time).await;
                Ok(port)
            }
            Does::Fail(class) => Err(Failed(class)),
            Does::FailAfter(time, class) => {
                sleep(time).await;
                Err(Failed(class))
            }
            Does::Freeze => std::future::pending().await,
        };
        self.at_once.fetch_sub(1, Ordering::Relaxed);
        self.finished.fetch_add(1, Ordering::Relaxed);
        result
    }
}
