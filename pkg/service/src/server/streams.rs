//! The HTTP/2 streams of one connection, polled on the connection's own task.
//!
//! Were each a task of its own, as hyper means them to be, it would wake the connection with its answer: one more trip
//! through the scheduler, and often one more write, for every call. Here the answers of all streams that are ready go
//! out together. The price is that a handler which computes for long holds up the other streams of its connection.

use futures::future::{BoxFuture, FutureExt};
use futures::stream::{FuturesUnordered, StreamExt};
use hyper::rt::Executor;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

/// Where hyper leaves the streams that have begun; clones share it.
#[derive(Clone, Default)]
pub(super) struct Begun(Arc<Mutex<Vec<BoxFuture<'static, ()>>>>);

impl Begun {
    fn lock(&self) -> MutexGuard<'_, Vec<BoxFuture<'static, ()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Begun {
    fn execute(&self, stream: F) {
        // A panic outside of a handler, such as in an answer's body, ends that stream alone.
        let stream = AssertUnwindSafe(stream).catch_unwind().map(|ended| {
            if ended.is_err() {
                tracing::error!("a panic broke an answer off");
            }
        });
        self.lock().push(stream.boxed());
    }
}

/// The streams of one connection; dropping it drops them all.
#[derive(Default)]
pub(super) struct Streams {
    begun: Begun,
    /// Those that have begun since the last look; empty between two looks.
    fresh: Vec<BoxFuture<'static, ()>>,
    running: FuturesUnordered<BoxFuture<'static, ()>>,
}

impl Streams {
    /// What the connection's builder is to execute streams by.
    pub(super) fn executor(&self) -> Begun {
        self.begun.clone()
    }

    /// Polls `connection`, and with it the streams that it has begun.
    pub(super) fn poll<C: Future>(
        &mut self,
        connection: Pin<&mut C>,
        context: &mut Context<'_>,
    ) -> Poll<C::Output> {
        if let Poll::Ready(ended) = connection.poll(context) {
            return Poll::Ready(ended);
        }
        std::mem::swap(&mut self.fresh, &mut *self.begun.lock());
        for mut stream in self.fresh.drain(..) {
            // Most are answered at once, and needn't be kept for a second look.
            if stream.as_mut().poll(context).is_pending() {
                self.running.push(stream);
            }
        }
        while !self.running.is_empty() && self.running.poll_next_unpin(context).is_ready() {}
        // What has been answered wakes the connection, which sends it.
        Poll::Pending
    }
}
