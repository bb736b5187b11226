//! Partitions and the positions up to which they have been applied.

use std::fmt;

/// A partition of a topic of one Kafka cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition {
    /// The cluster's id, as its brokers report it.
    pub cluster: String,
    /// The topic's name.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}] of cluster {}", self.topic, self.partition, self.cluster)
    }
}

/// The position up to which a partition has been applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The first offset that has not been read and applied.
    pub next_offset: i64,
    /// The number of offsets between the last record and `next_offset`. They contain no event: markers of transactions,
    /// records of aborted transactions, or gaps left by compaction.
    pub skipped: i64,
    /// The timestamp of the last record, in milliseconds since 1970; -1 if there was none.
    pub last_timestamp: i64,
    /// The digest of the last record, which identifies the topic.
    pub last_digest: i64,
}

impl Position {
    /// Returns the offset of the last record; negative if there was none.
    #[must_use]
    pub const fn last_offset(&self) -> i64 {
        self.next_offset - 1 - self.skipped
    }

    /// Advances to `next_offset`, if it is later, past offsets that contain no event.
    pub const fn skip_to(&mut self, next_offset: i64) {
        if next_offset > self.next_offset {
            self.skipped += next_offset - self.next_offset;
            self.next_offset = next_offset;
        }
    }
}

/// An advance of a partition's stored position, committed in the same transaction as the writes up to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advance {
    /// The partition.
    pub partition: Partition,
    /// The next offset that must be stored before; `None` if no position may be stored. Otherwise the partition has
    /// another owner, and the whole batch is rejected.
    pub from: Option<i64>,
    /// The position to store.
    pub to: Position,
}
