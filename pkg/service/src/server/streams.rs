//! The HTTP/2 streams of one connection, polled on the connection's own task.
//!
//! If each were a separate task, as hyper intends, it would wake the connection with its response: one more
//! pass through the scheduler, and often one more write, per call. Here the responses of all streams that are
//! ready are sent together. So that a connection with many streams does not block the others of its thread, they are
//! polled in turns of limited length, between which the thread serves other tasks.

use futures::future::{BoxFuture, FutureExt};
use futures::stream::{FuturesUnordered, StreamExt};
use futures::task::{ArcWake, AtomicWaker, waker_ref};
use hyper::rt::Executor;
use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::task::yield_now;

/// The minimum length of a turn before other connections are served.
const TURN: Duration = Duration::from_micros(250);

type Stream = BoxFuture<'static, ()>;

/// The executor that collects the streams started by hyper; clones share it.
#[derive(Clone, Default)]
pub(super) struct Begun(Arc<Mutex<VecDeque<Stream>>>);

impl Begun {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Stream>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Begun {
    fn execute(&self, stream: F) {
        // A panic outside of a handler, such as in a response's body, ends only that stream. The panic hook has logged it.
        let stream = AssertUnwindSafe(stream).catch_unwind().map(|_ended| ());
        self.lock().push_back(stream.boxed());
    }
}

/// The streams of one connection; dropping it drops them all.
#[derive(Default)]
pub(super) struct Streams {
    begun: Begun,
    /// Streams that have not been polled yet.
    fresh: VecDeque<Stream>,
    running: FuturesUnordered<Stream>,
    pause: Arc<Pause>,
}

/// The pause between two turns. It ends when the runtime has checked for events; earlier wake-ups of the connection,
/// such as by a response that is ready, do not end it.
#[derive(Default)]
struct Pause {
    is_on: AtomicBool,
    connection: AtomicWaker,
}

impl ArcWake for Pause {
    fn wake_by_ref(pause: &Arc<Self>) {
        pause.is_on.store(false, Relaxed);
        pause.connection.wake();
    }
}

impl Streams {
    /// Returns the executor for the connection's builder.
    pub(super) fn executor(&self) -> Begun {
        self.begun.clone()
    }

    /// Polls `connection`, and with it the streams that it has started.
    pub(super) fn poll<C: Future>(
        &mut self,
        connection: Pin<&mut C>,
        context: &mut Context<'_>,
    ) -> Poll<C::Output> {
        if self.pause.is_on.load(Relaxed) {
            self.pause.connection.register(context.waker());
            return Poll::Pending;
        }
        if let Poll::Ready(ended) = connection.poll(context) {
            return Poll::Ready(ended);
        }
        self.fresh.append(&mut self.begun.lock());
        if self.turn(context).is_pending() {
            self.pause.is_on.store(true, Relaxed);
            self.pause.connection.register(context.waker());
            // A task that yields is polled again after the runtime has run all ready tasks and checked for events.
            _ = pin!(yield_now()).poll(&mut Context::from_waker(&waker_ref(&self.pause)));
        }
        // A response that is ready wakes the connection, which sends it.
        Poll::Pending
    }

    /// Polls ready streams until none is left or the turn is over.
    fn turn(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut began = None;
        loop {
            // New and older ones alternate, so that neither block the other.
            let fresh = self.fresh.pop_front();
            if let Some(mut stream) = fresh
                // Most complete at the first poll, and need not be stored for a second.
                && stream.as_mut().poll(context).is_pending()
            {
                self.running.push(stream);
            }
            let ended = !self.running.is_empty() && self.running.poll_next_unpin(context).is_ready();
            if self.fresh.is_empty() && !ended {
                return Poll::Ready(());
            }
            if began.get_or_insert_with(Instant::now).elapsed() >= TURN {
                return Poll::Pending;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::channel::oneshot;
    use futures::task::noop_waker_ref;
    use std::future::{pending, ready};
    use std::sync::atomic::AtomicUsize;

    /// Starts `count` long-running streams once `start` is ready.
    fn begin(
        streams: &Streams,
        count: usize,
        start: impl Future + Clone + Send + 'static,
    ) -> Arc<AtomicUsize> {
        let ended = Arc::<AtomicUsize>::default();
        for _ in 0..count {
            let (ended, start) = (Arc::clone(&ended), start.clone());
            streams.executor().execute(async move {
                start.map(drop).await;
                std::thread::sleep(TURN);
                ended.fetch_add(1, Relaxed);
            });
        }
        ended
    }

    fn poll(streams: &mut Streams) {
        let mut context = Context::from_waker(noop_waker_ref());
        assert!(streams.poll(pin!(pending::<()>()), &mut context).is_pending());
    }

    #[test]
    fn long_running_streams_are_polled_in_turns_shared_by_old_and_new() {
        let mut streams = Streams::default();
        let (start, started) = oneshot::channel::<()>();
        let old = begin(&streams, 20, started.shared());
        poll(&mut streams);
        let new = begin(&streams, 20, ready(()));
        start.send(()).unwrap();
        for turn in 1..=5 {
            poll(&mut streams);
            let (old, new) = (old.load(Relaxed), new.load(Relaxed));
            assert!((1..=2 * turn).contains(&old) && (1..=2 * turn).contains(&new), "{turn}: {old}, {new}");
        }
        for _ in 0..40 {
            poll(&mut streams);
        }
        assert_eq!((old.load(Relaxed), new.load(Relaxed)), (20, 20));
        let mut context = Context::from_waker(noop_waker_ref());
        assert!(streams.poll(pin!(ready(())), &mut context).is_ready());
    }

    /// One connection with long-running streams and the task of another connection, on one thread.
    #[tokio::test]
    async fn other_connection_is_served_between_turns() {
        let mut streams = Streams::default();
        let ended = begin(&streams, 200, ready(()));
        let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
        far.set_nonblocking(true).unwrap();
        let far = tokio::net::UnixStream::from_std(far).unwrap();
        let count = Arc::clone(&ended);
        let other = tokio::spawn(async move {
            far.readable().await.unwrap();
            count.load(Relaxed)
        });
        tokio::task::yield_now().await;
        let busy = tokio::spawn(async move {
            std::future::poll_fn(|context| {
                // The other peer sends while this connection is busy.
                _ = std::io::Write::write_all(&mut &near, b"x");
                _ = streams.poll(pin!(pending::<()>()), context);
                if streams.fresh.is_empty() { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        });
        let served_after = other.await.unwrap();
        assert!(served_after <= 10, "{served_after}");
        busy.await.unwrap();
        assert_eq!(ended.load(Relaxed), 200);
    }
}
