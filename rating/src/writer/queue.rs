//! The queue of a lane.

use super::error::Error;
use crate::batch::{Batch, Outcome, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;
use storage::Oldest;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use trace::Wait;

/// The capacity of a queue, in writes. Callers wait while it is full.
pub(super) const CAPACITY: u32 = 32_768;

/// The sending half of a lane's queue.
#[derive(Debug)]
pub(super) struct Queue {
    sender: mpsc::UnboundedSender<Queued>,
    room: Arc<Semaphore>,
    pub(super) counts: Arc<Counts>,
}

/// What a lane has committed, and since when its oldest write has been pending.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) batches: AtomicU64,
    pub(super) writes: AtomicU64,
    pub(super) oldest: Oldest,
}

/// Work in a queue, and the room that it takes.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) work: Work,
    pub(super) room: OwnedSemaphorePermit,
    pub(super) since: Instant,
    /// Of the caller's request, if it is sampled.
    pub(super) wait: Wait,
}

/// One write or one batch, each with the channel for its result.
#[derive(Debug)]
pub(super) enum Work {
    Call(Write, oneshot::Sender<Result<Outcome, Error>>),
    Batch(Arc<Batch>, oneshot::Sender<Result<Vec<Outcome>, Error>>),
}

impl Queue {
    /// Returns an empty queue and its receiving half.
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Queued>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let room = Arc::new(Semaphore::new(CAPACITY as usize));
        (Self { sender, room, counts: Arc::default() }, receiver)
    }

    /// Returns the number of writes that are queued or being applied.
    pub(super) fn len(&self) -> usize {
        CAPACITY as usize - self.room.available_permits()
    }

    /// Waits for `room` and enqueues `work`.
    pub(super) async fn push(&self, room: u32, work: Work) -> Result<(), Error> {
        let wait = Wait::begin("writer queue");
        let room = Arc::clone(&self.room).acquire_many_owned(room).await.map_err(|_| Error::Stopped)?;
        self.sender.send(Queued { work, room, since: Instant::now(), wait }).map_err(|_| Error::Stopped)
    }
}
