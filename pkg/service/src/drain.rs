//! The rest of the drain timeout, for what ends after the server.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// The minimum time of a step, even if the server has used up the drain timeout.
const LEAST: Duration = Duration::from_millis(500);

/// Limits the steps between the server's end and that of the process: a database or a broker that does not respond
/// must not keep the process alive.
#[derive(Debug)]
pub struct Drain {
    timeout: Duration,
    stopped: Arc<OnceLock<Instant>>,
    _noting: AbortOnDropHandle<()>,
}

impl Drain {
    /// Records on the current runtime when `stop` is cancelled; `timeout` counts from then.
    #[must_use]
    pub fn of(stop: &CancellationToken, timeout: Duration) -> Self {
        let (stop, stopped) = (stop.clone(), Arc::<OnceLock<Instant>>::default());
        let note = {
            let stopped = Arc::clone(&stopped);
            async move {
                stop.cancelled().await;
                stopped.get_or_init(Instant::now);
            }
        };
        Self { timeout, stopped, _noting: AbortOnDropHandle::new(tokio::spawn(note)) }
    }

    /// Awaits `step` until the drain timeout is over, but at least half a second. A step that is aborted is logged
    /// as `name`.
    pub async fn bound(&self, name: &str, step: impl Future<Output = ()>) {
        let since = self.stopped.get().map_or(Duration::ZERO, Instant::elapsed);
        let left = self.timeout.saturating_sub(since).max(LEAST);
        if timeout(left, step).await.is_err() {
            tracing::warn!("{name} was aborted: it did not end within the drain timeout");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    #[tokio::test(start_paused = true)]
    async fn steps_share_the_rest_of_the_drain_timeout() {
        let stop = CancellationToken::new();
        let drain = Drain::of(&stop, Duration::from_secs(10));
        let began = tokio::time::Instant::now();
        drain.bound("a quick step", async {}).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        // Without a stop, for example after a failure, each step has the whole timeout.
        drain.bound("a step without an end", pending()).await;
        assert!(began.elapsed() >= Duration::from_secs(10));
        drain.stopped.get_or_init(|| Instant::now() - Duration::from_secs(60));
        let began = tokio::time::Instant::now();
        drain.bound("a step without an end", pending()).await;
        assert!((LEAST..Duration::from_secs(1)).contains(&began.elapsed()), "{:?}", began.elapsed());
    }
}
