//! A light load on the movie service, over REST and gRPC, which counts the failed responses as a caller sees them.

mod client;
mod request;

use client::Client;
use console::faults;
use request::requests;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// The time between two requests.
const PACE: Duration = Duration::from_millis(25);

/// The counters of the load.
#[derive(Debug, Default)]
pub(crate) struct Load {
    running: AtomicBool,
    sent: AtomicU64,
    failed: AtomicU64,
    last_failure: Mutex<Option<String>>,
}

impl Load {
    /// Sends reads of the movies `ids` to the movie service at `authority` until `stop`, each at its time, whatever
    /// happens to others.
    ///
    /// # Errors
    ///
    /// If `authority` is not valid.
    pub(crate) async fn run(
        self: Arc<Self>,
        authority: String,
        ids: Vec<String>,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let client = Client::new(&authority)?;
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.running.store(true, Ordering::Relaxed);
        for request in requests(ids) {
            if stop.run_until_cancelled(pace.tick()).await.is_none() {
                break;
            }
            let (load, client, stop) = (Arc::clone(&self), client.clone(), stop.clone());
            tokio::spawn(async move {
                load.sent.fetch_add(1, Ordering::Relaxed);
                // While the stack stops, nothing is owed to callers.
                if let Some(Err(failure)) = stop.run_until_cancelled(client.send(&request)).await {
                    load.has_failed(failure);
                }
            });
        }
        self.running.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Returns the counters for the console.
    #[must_use]
    pub(crate) fn state(&self) -> faults::Load {
        let running = self.running.load(Ordering::Relaxed);
        faults::Load {
            running,
            requests_per_second: if running { 1.0 / PACE.as_secs_f64() } else { 0.0 },
            sent: self.sent.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            last_failure: self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    fn has_failed(&self, failure: String) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(failure, "a request of the load failed");
        *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Runs a load against a server that responds to every connection with `response` and closes it.
    async fn state_with(response: &'static str) -> faults::Load {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(response.as_bytes()).await;
            }
        });
        let (load, stop) = (Arc::new(Load::default()), CancellationToken::new());
        let running = tokio::spawn(Arc::clone(&load).run(authority, vec!["1".to_owned()], stop.clone()));
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        while load.state().sent < 20 && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        stop.cancel();
        running.await.unwrap().unwrap();
        load.state()
    }

    #[tokio::test]
    async fn status_500_and_missing_response_are_failures_and_404_is_none() {
        let error = "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 4\r\n\r\nbusy";
        let state = state_with(error).await;
        assert!(state.failed > 10, "{state:?}");
        assert!(!state.running);
        let missing = "HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        let state = state_with(missing).await;
        // gRPC calls get no valid response.
        assert!(state.failed < state.sent / 2, "{state:?}");
        let state = state_with("").await;
        assert!(state.failed > 10 && state.last_failure.is_some(), "{state:?}");
    }
}
