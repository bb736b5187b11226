//! Writes and their outcomes.

use model::{Rating, Record, UserId};

/// A valid change of a rating.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Stores this rating, replacing the user's earlier one regardless of their times.
    Put(Rating),
    /// Deletes the user's rating of the record, if it exists.
    Delete {
        /// The record.
        record: Record,
        /// The user.
        user_id: UserId,
    },
}

impl Write {
    /// Returns the record whose aggregate may change.
    #[must_use]
    pub const fn record(&self) -> &Record {
        match self {
            Self::Put(rating) => &rating.record,
            Self::Delete { record, .. } => record,
        }
    }

    /// Returns the user whose rating may change.
    #[must_use]
    pub const fn user_id(&self) -> &UserId {
        match self {
            Self::Put(rating) => &rating.user_id,
            Self::Delete { user_id, .. } => user_id,
        }
    }
}

/// The outcome of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A put stored the user's first rating of the record.
    Created,
    /// A put replaced a rating; value, provider or time differ.
    Replaced,
    /// A put found the same rating stored.
    Unchanged,
    /// A delete deleted a rating.
    Deleted,
    /// A delete found no rating.
    Absent,
}
