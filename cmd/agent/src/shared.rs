//! The state shared by requests: changed under a lock, watched by blocking queries, advanced by the clock.

use crate::Config;
use crate::refusal::Refusal;
use crate::state::{Elapsed, State};
use http::StatusCode;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

/// The name of the only datacenter.
pub(crate) const DATACENTER: &str = "dc1";

/// The name of the only node.
pub(crate) const NODE: &str = "dev";

/// The port of Consul's server RPC.
pub(crate) const SERVER_PORT: u16 = 8300;

/// How long the clock sleeps if nothing is due.
const IDLE: Duration = Duration::from_secs(3600);

/// Returns true if `name` is Consul's own service.
pub(crate) fn is_consul(name: &str) -> bool {
    name.eq_ignore_ascii_case("consul")
}

/// An agent.
pub(crate) struct Shared {
    pub(crate) config: Config,
    /// The node's address.
    pub(crate) address: IpAddr,
    state: Mutex<State>,
    /// The index of the last change.
    changes: watch::Sender<u64>,
    /// Notified if something may be due earlier than planned.
    rescheduled: Notify,
    stop: CancellationToken,
}

impl Shared {
    pub(crate) fn new(config: Config, address: SocketAddr, stop: CancellationToken) -> Arc<Self> {
        // An index from the clock is higher than any from a previous agent, so that a query waiting for one of those
        // returns immediately.
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let index = u64::try_from(clock.as_millis()).unwrap_or(1);
        let ip = address.ip();
        Arc::new(Self {
            address: if ip.is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { ip },
            state: Mutex::new(State::new(index, config.deregister_floor)),
            changes: watch::Sender::new(index),
            rescheduled: Notify::new(),
            config,
            stop,
        })
    }

    pub(crate) fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.lock())
    }

    /// Changes the state, and wakes blocking queries before it returns.
    pub(crate) fn write<T>(&self, write: impl FnOnce(&mut State, Instant) -> T) -> T {
        let mut state = self.lock();
        let result = write(&mut state, Instant::now());
        self.publish(&state);
        self.rescheduled.notify_one();
        result
    }

    /// Waits until the state satisfies `is` or `deadline` is past. A stopping agent rejects the query, so that its
    /// last state is not taken for the current one.
    pub(crate) async fn wait(&self, deadline: Instant, is: impl Fn(&State) -> bool) -> Result<(), Refusal> {
        let mut changes = self.changes.subscribe();
        let change = async {
            // The sender lives as long as the agent.
            while !self.read(&is) && changes.changed().await.is_ok() {}
        };
        let waited = self.stop.run_until_cancelled(timeout_at(deadline, change)).await;
        let stopping = || Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "The agent is stopping");
        waited.map(|_| ()).ok_or_else(stopping)
    }

    /// Expires checks and removes dead services, forever.
    pub(crate) async fn keep_time(&self) {
        loop {
            let Elapsed { expired, reaped, next } = {
                let mut state = self.lock();
                let elapsed = state.elapse(Instant::now());
                self.publish(&state);
                elapsed
            };
            for check in expired {
                tracing::warn!(check, "no update within the check's TTL: critical");
            }
            for service in reaped {
                tracing::warn!(service, "critical for too long: deregistered");
            }
            tokio::select! {
                () = sleep_until(next.unwrap_or_else(|| Instant::now() + IDLE)) => {}
                () = self.rescheduled.notified() => {}
            }
        }
    }

    fn publish(&self, state: &State) {
        self.changes.send_if_modified(|index| std::mem::replace(index, state.index()) != state.index());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
