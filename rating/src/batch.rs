//! What is applied at once: a batch of writes with the stream offsets they take the service to, and the
//! plan of what such a batch does to the ratings that are stored before it. Pure: all three stores read what
//! is stored, ask for the plan, and write what it says.

mod plan;

pub use plan::{Change, Held, Keys, Plan};

use model::{Rating, Record, UserId};
use std::fmt;

/// One accepted wish to change a rating.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Stores this rating in the place of the user's earlier one, whatever their times say.
    Put(Rating),
    /// Removes the user's rating of the record, if there is one.
    Delete {
        /// What was rated.
        record: Record,
        /// Who rated it.
        user_id: UserId,
    },
}

impl Write {
    /// The record whose ratings this changes.
    #[must_use]
    pub const fn record(&self) -> &Record {
        match self {
            Self::Put(rating) => &rating.record,
            Self::Delete { record, .. } => record,
        }
    }

    /// The user whose rating this changes.
    #[must_use]
    pub const fn user_id(&self) -> &UserId {
        match self {
            Self::Put(rating) => &rating.user_id,
            Self::Delete { user_id, .. } => user_id,
        }
    }
}

/// What a write came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A put stored the user's first rating of the record.
    Created,
    /// A put stored a rating in the place of another; value, provider or time differ.
    Replaced,
    /// A put found exactly this rating stored.
    Unchanged,
    /// A delete removed a rating.
    Deleted,
    /// A delete found no rating.
    Absent,
}

/// A partition of a topic of one Kafka cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition {
    /// The cluster's id, as its brokers tell it.
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

/// How far a partition has been applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The first offset that has not been read and applied.
    pub next_offset: i64,
    /// How many offsets lie between the last record and `next_offset`. They hold no event: a transaction's marker,
    /// records of an aborted transaction, or nothing after compaction.
    pub skipped: i64,
    /// The timestamp of the last record, in milliseconds since 1970; -1 if there was none.
    pub last_timestamp: i64,
    /// The digest of the last record, by which the topic is recognized.
    pub last_digest: i64,
}

impl Position {
    /// The offset of the last record; negative if there was none.
    #[must_use]
    pub const fn last_offset(&self) -> i64 {
        self.next_offset - 1 - self.skipped
    }

    /// Moves on to `next_offset`, if it is later, past offsets that hold no event.
    pub const fn skip_to(&mut self, next_offset: i64) {
        if next_offset > self.next_offset {
            self.skipped += next_offset - self.next_offset;
            self.next_offset = next_offset;
        }
    }
}

/// A step of a partition's stored position, made together with the writes that it stands for, or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advance {
    /// The partition.
    pub partition: Partition,
    /// The next offset that must be stored now; `None` where no position may be stored yet. Where it is not
    /// so, the partition has another owner and the batch is refused whole.
    pub from: Option<i64>,
    /// The position to store.
    pub to: Position,
}

/// Writes in the order in which they arrived, and the steps that belong to them: all of it happens, or
/// nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The writes; a later one of the same user and record wins over an earlier one.
    pub writes: Vec<Write>,
    /// The steps, no partition twice; none for calls.
    pub offsets: Vec<Advance>,
}

impl Batch {
    /// A batch of calls' writes, which move no offsets.
    #[must_use]
    pub const fn of(writes: Vec<Write>) -> Self {
        Self { writes, offsets: Vec::new() }
    }

    /// Tells whether there is nothing to be done.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.offsets.is_empty()
    }
}
