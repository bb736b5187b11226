//! The gRPC connection to an instance. It is replaced before resets of abandoned calls make the peer close it.

use crate::gateway::OPEN_TIMEOUT;
use discovery::Instance;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// The resets after which a channel accepts no more calls: half of the 20 streams that h2 lets a peer reset before the
/// server has accepted them. After one more, h2 closes the connection that all calls share.
const MAX_RESETS: usize = 10;

/// The connection to an instance. It opens immediately, in the background, and again when a call finds it closed.
#[derive(Debug)]
pub(super) struct Connection {
    endpoint: Endpoint,
    current: Mutex<Arc<Shared>>,
}

/// A channel with the number of its abandoned calls.
#[derive(Debug)]
struct Shared {
    channel: Channel,
    resets: AtomicUsize,
}

impl Shared {
    fn new(endpoint: &Endpoint) -> Arc<Self> {
        Arc::new(Self { channel: endpoint.connect_lazy(), resets: AtomicUsize::new(0) })
    }

    fn is_worn(&self) -> bool {
        self.resets.load(Ordering::Relaxed) >= MAX_RESETS
    }
}

impl Connection {
    /// Connects to `instance`. `None` if the registry reported an address that cannot be called.
    pub(super) fn open(instance: &Instance) -> Option<Arc<Self>> {
        let endpoint = Endpoint::from_shared(format!("http://{}", instance.authority())).ok()?;
        let endpoint = endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT);
        let current = Shared::new(&endpoint);
        tokio::spawn(check(current.channel.clone()));
        Some(Arc::new(Self { endpoint, current: Mutex::new(current) }))
    }

    /// Begins a call. Calls on a replaced channel continue.
    pub(super) fn call(&self) -> Call {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.is_worn() {
            *current = Shared::new(&self.endpoint);
        }
        Call { shared: current.clone(), ended: false }
    }
}

/// Makes a channel connect before it is needed. tonic connects for the first call, and a health check is the cheapest
/// one. Its result does not matter: later calls will show it.
async fn check(channel: Channel) {
    let health = async { HealthClient::new(channel).check(HealthCheckRequest::default()).await };
    let _ = timeout(OPEN_TIMEOUT, health).await;
}

/// A call on a channel. If it is dropped before [`end`](Self::end), its stream is reset.
#[derive(Debug)]
pub(super) struct Call {
    shared: Arc<Shared>,
    ended: bool,
}

impl Call {
    pub(super) fn channel(&self) -> Channel {
        self.shared.channel.clone()
    }

    /// Ends the call without a reset. Returns true if the channel had so many resets that they may have closed it.
    pub(super) fn end(mut self) -> bool {
        self.ended = true;
        self.shared.is_worn()
    }

    /// Marks the channel as closing because of its resets, so that it accepts no more calls.
    pub(super) fn wear(&self) {
        self.shared.resets.fetch_max(MAX_RESETS, Ordering::Relaxed);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.ended {
            self.shared.resets.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn channel_with_ten_resets_accepts_no_more_calls() {
        let instance = Instance {
            service: "rating".into(),
            id: "rating-1".into(),
            host: "127.0.0.1".into(),
            port: 1,
            tags: Vec::new(),
        };
        let connection = Connection::open(&instance).unwrap();
        let in_flight = connection.call();
        for reset in 1..=MAX_RESETS {
            let call = connection.call();
            assert!(Arc::ptr_eq(&in_flight.shared, &call.shared), "before reset {reset}");
        }
        let fresh = connection.call();
        assert!(!Arc::ptr_eq(&in_flight.shared, &fresh.shared));
        assert!(in_flight.end() && !fresh.end());
    }
}
