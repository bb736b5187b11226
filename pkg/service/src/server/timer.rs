//! The time that a request's head may take, measured by one timer a connection.
//!
//! hyper wants a timer for each request and drops it once the head is there. Setting one costs some 900 instructions;
//! here it stays set, and is set anew only when it fires: by then the head that it was set for has mostly come.

use hyper::rt::{Sleep, Timer};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::time;

/// One connection's timer; it serves one sleep at a time.
pub(super) struct HeadTimer(Arc<Mutex<Pin<Box<time::Sleep>>>>);

/// A sleep until `deadline` by a connection's timer.
struct Wait {
    timer: Arc<Mutex<Pin<Box<time::Sleep>>>>,
    deadline: time::Instant,
}

impl HeadTimer {
    /// A timer on the present runtime.
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Box::pin(time::sleep(Duration::ZERO)))))
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Wait { timer: Arc::clone(&self.0), deadline: deadline.into() })
    }

    fn now(&self) -> Instant {
        time::Instant::now().into()
    }
}

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut timer = self.timer.lock().unwrap_or_else(PoisonError::into_inner);
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

    #[tokio::test(start_paused = true)]
    async fn each_sleep_ends_at_its_own_deadline_though_the_timer_was_set_for_another() {
        let (timer, start) = (HeadTimer::new(), time::Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        for (passes, deadline) in [(0, 10), (4, 14), (20, 21), (21, 60)] {
            time::sleep_until(at(passes)).await;
            let mut sleep = timer.sleep_until(at(deadline).into());
            let poll = poll_fn(|context| Poll::Ready(sleep.as_mut().poll(context)));
            assert!(poll.await.is_pending());
        }
        for deadline in [30, 31, 90] {
            timer.sleep_until(at(deadline).into()).await;
            assert_eq!(time::Instant::now(), at(deadline));
        }
    }
}
