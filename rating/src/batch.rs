//! The unit of application: writes with the stream positions to store in the same transaction, and the plan of what
//! they change. Free of I/O: each store reads the stored ratings, computes the plan, and writes it.

mod plan;
mod position;
mod write;

pub use plan::{Change, Keys, Plan, StoredRating};
pub use position::{Advance, Partition, Position};
pub use write::{Outcome, Write};

/// Writes in the order of their arrival, and the positions to store with them. A batch is applied completely or not
/// at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The writes. A later write of the same user and record overrides an earlier one.
    pub writes: Vec<Write>,
    /// The positions, without duplicate partitions; empty for API calls.
    pub offsets: Vec<Advance>,
}

impl Batch {
    /// Returns a batch without positions, for the writes of API calls.
    #[must_use]
    pub const fn of(writes: Vec<Write>) -> Self {
        Self { writes, offsets: Vec::new() }
    }

    /// Returns whether there is nothing to apply.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.offsets.is_empty()
    }
}
