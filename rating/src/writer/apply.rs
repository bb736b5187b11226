//! How a lane applies a batch: again if the database rolled it back because of other transactions, and the calls of a
//! batch in parts if the database rejects a value, so that one call does not fail the others.

use super::{Applying, Error};
use crate::batch::{Batch, Outcome, Write};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// How many times a batch is tried again after a conflict.
const RETRIES: u32 = 6;

/// How long after its first attempt a batch is still tried again: PostgreSQL looks for a deadlock after one second by
/// default.
const RETRY_FOR: Duration = Duration::from_secs(5);

/// The upper bound of the pause before the first retry; it doubles with each.
const PAUSE: Duration = Duration::from_millis(10);

/// A caller that waits for the outcome of its write, and the room that the write takes in the queue.
pub(super) type Caller = (oneshot::Sender<Result<Outcome, Error>>, OwnedSemaphorePermit);

impl Applying {
    /// Applies the writes of `callers` in one transaction and sends each its outcome. If the database rejects a value,
    /// applies either half by itself, down to the write that is at fault.
    pub(super) async fn apply_calls(&self, writes: Vec<Write>, callers: Vec<Caller>) {
        let mut parts = vec![(writes, callers)];
        while let Some((writes, mut callers)) = parts.pop() {
            let batch = Batch::of(writes);
            match self.apply(&batch).await {
                Ok(outcomes) => respond(callers, outcomes.into_iter().map(Ok)),
                Err(Error::Storage(error)) if error.is_rejection() && callers.len() > 1 => {
                    let (mut writes, half) = (batch.writes, callers.len() / 2);
                    let later = (writes.split_off(half), callers.split_off(half));
                    parts.extend([later, (writes, callers)]);
                }
                Err(error) => respond(callers, std::iter::repeat(Err(error))),
            }
        }
    }

    /// Applies `batch`, again after a conflict.
    pub(super) async fn apply(&self, batch: &Batch) -> Result<Vec<Outcome>, Error> {
        let (started, mut retries) = (Instant::now(), 0);
        loop {
            match self.batches.apply(self.lane, batch).await {
                Ok(outcomes) => {
                    self.applied.batches.fetch_add(1, Ordering::Relaxed);
                    self.applied.writes.fetch_add(outcomes.len() as u64, Ordering::Relaxed);
                    return Ok(outcomes);
                }
                Err(error) if error.is_conflict() && retries < RETRIES && started.elapsed() < RETRY_FOR => {
                    tokio::time::sleep(PAUSE.mul_f64(rand::random()) * 2_u32.pow(retries)).await;
                    retries += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Gives back the room of all writes and sends each caller its outcome.
fn respond(callers: Vec<Caller>, outcomes: impl Iterator<Item = Result<Outcome, Error>>) {
    let callers: Vec<_> = callers.into_iter().map(|(caller, _room)| caller).collect();
    for (caller, outcome) in callers.into_iter().zip(outcomes) {
        // It may have gone away.
        let _ = caller.send(outcome);
    }
}
