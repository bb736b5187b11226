//! The queue of writes. While one transaction commits, the writes that arrive wait in the process, without a
//! connection, and share the next one (group commit).

use crate::repository::group::{Write, Written};
use fault::{Fault, Kind};
use sqlx::{Connection, PgConnection};
use std::sync::Arc;
use std::time::{Duration, Instant};
use storage::postgres::{Pool, WRITE_TIMEOUT, within};
use storage::{Error, Oldest};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How many writes may wait before the next caller waits for room.
const ROOM: usize = 256;

/// After how many records a transaction takes no further write.
const MOST_RECORDS: usize = 500;

/// How often a transaction is tried that other transactions get in the way of.
const ATTEMPTS: usize = 5;

/// How long closing waits for the transaction in progress.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Hands writes to the one task that makes them.
#[derive(Debug)]
pub(super) struct Queue {
    sender: mpsc::Sender<Queued>,
    oldest: Arc<Oldest>,
    stop: CancellationToken,
    task: TaskTracker,
}

#[derive(Debug)]
struct Queued {
    write: Write,
    since: Instant,
    reply: Reply,
}

type Reply = oneshot::Sender<Result<Written, Error>>;

impl Queue {
    /// Spawns the task that writes through `pool`, on the runtime that this is called on.
    pub(super) fn start(pool: Pool) -> Self {
        let (sender, receiver) = mpsc::channel(ROOM);
        let (oldest, stop, task) = (Arc::<Oldest>::default(), CancellationToken::new(), TaskTracker::new());
        let writer = Writer { pool, oldest: Arc::clone(&oldest) };
        task.spawn(writer.run(receiver, stop.clone()));
        task.close();
        Self { sender, oldest, stop, task }
    }

    /// Makes `write` together with those of other callers, and returns once it is committed.
    pub(super) async fn write(&self, write: Write) -> Result<Written, Error> {
        let (reply, written) = oneshot::channel();
        let queued = Queued { write, since: Instant::now(), reply };
        self.sender.send(queued).await.map_err(|_| sqlx::Error::PoolClosed)?;
        written.await.map_err(|_| sqlx::Error::PoolClosed)?
    }

    /// Checks that writes are made in time.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.oldest.check()
    }

    /// Takes no more writes, and waits a second for those that were taken.
    pub(super) async fn close(&self) {
        self.stop.cancel();
        let _ = timeout(CLOSE_TIMEOUT, self.task.wait()).await;
    }
}

struct Writer {
    pool: Pool,
    oldest: Arc<Oldest>,
}

impl Writer {
    async fn run(self, mut queue: mpsc::Receiver<Queued>, stop: CancellationToken) {
        loop {
            let first = tokio::select! {
                biased;
                received = queue.recv() => match received {
                    Some(first) => first,
                    None => return,
                },
                () = stop.cancelled(), if !queue.is_closed() => {
                    queue.close();
                    continue;
                }
            };
            // Callers whose write was just made get their turn first, so that their next ones join this group.
            tokio::task::yield_now().await;
            self.oldest.set(Some(first.since));
            let (writes, replies) = gather(first, &mut queue);
            if !writes.is_empty() {
                self.write(writes, replies).await;
            }
            self.oldest.set(None);
        }
    }

    /// Makes all writes in one transaction. If it fails for a reason that another attempt does not mend, each is made
    /// by itself, so that it fails for its own caller only.
    async fn write(&self, writes: Vec<Write>, replies: Vec<Reply>) {
        match self.commit(&writes).await {
            Ok(written) => {
                for (reply, written) in replies.into_iter().zip(written) {
                    // The caller may have left.
                    let _ = reply.send(Ok(written));
                }
            }
            Err(error) if writes.len() > 1 && error.kind() == Kind::Internal => {
                for (reply, write) in replies.into_iter().zip(&writes) {
                    let written = self.commit(std::slice::from_ref(write)).await;
                    let _ = reply.send(written.and_then(first));
                }
            }
            Err(error) => {
                let error = Arc::new(error);
                for reply in replies {
                    let _ = reply.send(Err(Error::Shared(Arc::clone(&error))));
                }
            }
        }
    }

    async fn commit(&self, writes: &[Write]) -> Result<Vec<Written>, Error> {
        let mut attempts = 1;
        loop {
            let mut connection = self.pool.acquire().await?;
            let written = within(WRITE_TIMEOUT, transact(&mut connection, writes)).await;
            match connection.end(written) {
                Err(error) if error.is_conflict() && attempts < ATTEMPTS => attempts += 1,
                written => return written,
            }
        }
    }
}

/// Takes what waits in the queue along with `first`, but for writes whose callers have left.
fn gather(first: Queued, queue: &mut mpsc::Receiver<Queued>) -> (Vec<Write>, Vec<Reply>) {
    let (mut writes, mut replies, mut records) = (Vec::new(), Vec::new(), 0);
    let mut next = Some(first);
    while let Some(Queued { write, reply, .. }) = next {
        if !reply.is_closed() {
            records += write.ids().count();
            writes.push(write);
            replies.push(reply);
        }
        next = if records < MOST_RECORDS { queue.try_recv().ok() } else { None };
    }
    (writes, replies)
}

async fn transact(connection: &mut PgConnection, writes: &[Write]) -> Result<Vec<Written>, Error> {
    let mut transaction = connection.begin().await?;
    let written = super::statements::write(&mut transaction, writes).await?;
    transaction.commit().await?;
    Ok(written)
}

fn first(written: Vec<Written>) -> Result<Written, Error> {
    written.into_iter().next().ok_or_else(|| Error::row("metadata", "no result of its write"))
}
