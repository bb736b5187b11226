//! The time limit of an HTTP/1 request's head, and of the idle time between two requests, with one timer per
//! connection.
//!
//! hyper starts its head timeout when the previous response ends. Here it runs from the first byte of the head;
//! until then the connection is idle and has the longer keep-alive time.
//!
//! hyper also creates a timer for each request and drops it once the head is complete. Setting one costs some 900
//! instructions; here it stays set, and is reset only when it fires: by then the head that it was set for has
//! usually arrived.

use hyper::rt::{Sleep, Timer};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::time;
use tokio_util::io::InspectReader;

/// One connection's timer; it serves one sleep at a time. hyper must be configured with the keep-alive time as its
/// timeout.
#[derive(Clone)]
pub(super) struct HeadTimer {
    shared: Arc<Shared>,
    /// The time limit of a head from its first byte on.
    limit: Duration,
}

struct Shared {
    timer: Mutex<Pin<Box<time::Sleep>>>,
    /// Whether a byte has arrived since the last sleep began.
    begun: AtomicBool,
}

/// A wait for a head: until `deadline`, or the time limit from the head's first byte.
struct Wait {
    timer: HeadTimer,
    deadline: time::Instant,
    begun: bool,
}

impl HeadTimer {
    /// Creates a timer on the current runtime.
    pub(super) fn new(limit: Duration) -> Self {
        let timer = Mutex::new(Box::pin(time::sleep(Duration::ZERO)));
        Self { shared: Arc::new(Shared { timer, begun: AtomicBool::new(false) }), limit }
    }

    /// Wraps the connection whose heads it measures, so that its first byte is reported.
    pub(super) fn watch(&self, stream: TcpStream) -> InspectReader<TcpStream, impl FnMut(&[u8]) + use<>> {
        let shared = Arc::clone(&self.shared);
        InspectReader::new(stream, move |read| {
            if !read.is_empty() {
                shared.begun.store(true, Relaxed);
            }
        })
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.shared.begun.store(false, Relaxed);
        Box::pin(Wait { timer: self.clone(), deadline: deadline.into(), begun: false })
    }

    fn now(&self) -> Instant {
        time::Instant::now().into()
    }
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if !self.begun && self.timer.shared.begun.load(Relaxed) {
            self.begun = true;
            self.deadline = time::Instant::now() + self.timer.limit;
        }
        let mut timer = self.timer.shared.timer.lock().unwrap_or_else(PoisonError::into_inner);
        if timer.deadline() > self.deadline {
            timer.as_mut().reset(self.deadline);
        }
        loop {
            ready!(timer.as_mut().poll(context));
            if timer.deadline() == self.deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(self.deadline);
        }
    }
}

impl Sleep for Wait {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    const LIMIT: Duration = Duration::from_secs(10);

    async fn is_pending(sleep: &mut Pin<Box<dyn Sleep>>) -> bool {
        poll_fn(|context| Poll::Ready(sleep.as_mut().poll(context).is_pending())).await
    }

    #[tokio::test(start_paused = true)]
    async fn each_sleep_ends_at_its_own_deadline() {
        let (timer, start) = (HeadTimer::new(LIMIT), time::Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        for (passes, deadline) in [(0, 10), (4, 14), (20, 21), (21, 60)] {
            time::sleep_until(at(passes)).await;
            let mut sleep = timer.sleep_until(at(deadline).into());
            assert!(is_pending(&mut sleep).await);
        }
        for deadline in [30, 31, 90] {
            timer.sleep_until(at(deadline).into()).await;
            assert_eq!(time::Instant::now(), at(deadline));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn head_has_its_limit_from_first_byte() {
        let (timer, start) = (HeadTimer::new(LIMIT), time::Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        // Before the keep-alive time ends, and at its very end.
        for (begins, keep_alive, ends) in [(50, 75, 60), (150, 151, 160)] {
            let mut sleep = timer.sleep_until(at(keep_alive).into());
            assert!(is_pending(&mut sleep).await);
            time::sleep_until(at(begins)).await;
            timer.shared.begun.store(true, Relaxed);
            assert!(is_pending(&mut sleep).await);
            // More bytes of the same head.
            timer.shared.begun.store(true, Relaxed);
            sleep.await;
            assert_eq!(time::Instant::now(), at(ends));
        }
        timer.sleep_until(at(235).into()).await;
        assert_eq!(time::Instant::now(), at(235));
    }
}
