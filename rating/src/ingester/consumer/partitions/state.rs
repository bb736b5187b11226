//! The states of a partition: being read, or pending.

use crate::batch::Position;
use std::time::{Duration, Instant};

/// The first and the longest delay before an unreadable partition is retried.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(10);

/// A partition of this consumer that is not being read, or not from the right offset.
#[derive(Debug)]
pub(super) struct PendingPartition {
    /// Whether it is in the assignment: then the consumer seeks it instead of assigning it.
    pub(super) assigned: bool,
    pub(super) next_try: Instant,
    delay: Duration,
}

impl PendingPartition {
    /// Returns a partition that is tried at `next_try`.
    pub(super) const fn new(assigned: bool, next_try: Instant) -> Self {
        Self { assigned, next_try, delay: FIRST_RETRY }
    }

    /// Delays the next try, by twice the previous delay.
    pub(super) fn postpone(&mut self) {
        self.next_try = Instant::now() + self.delay;
        self.delay = (self.delay * 2).min(LONGEST_RETRY);
    }
}

/// A partition that is being read.
#[derive(Debug)]
pub(super) struct AssignedPartition {
    /// The epoch of this reading.
    pub(super) epoch: u64,
    /// The first offset, when it was last read from the brokers.
    pub(super) low: i64,
    /// The next offset to read.
    pub(super) next: i64,
    /// The next offset to apply.
    pub(super) applied: i64,
    /// The stored position, whose last record must still be the same; `None` once that is verified.
    pub(super) unverified: Option<Position>,
    /// Whether the stored offset is lost: nothing is read.
    pub(super) lost: bool,
    /// Whether an error was returned since the last record. The next offset may then be in a batch that cannot be
    /// decoded and that librdkafka skips, so a record with a later offset must not be accepted.
    pub(super) suspect: bool,
    /// Whether to start again from the stored position once everything that was read is applied. If it started
    /// earlier, the records would be dropped, and if the same error followed them each time, never be applied.
    pub(super) rereads: bool,
}
