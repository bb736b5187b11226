//! One user's rating of one record.

use crate::{Broken, ProviderId, Record, Timestamp, UserId};
use serde::Serialize;

/// A rating's value: a whole number, 1 (worst) to 10 (best).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Value(u8);

impl Value {
    /// The number of values.
    pub const COUNT: usize = 10;

    /// Validates a value.
    pub fn new(value: i64) -> Result<Self, Broken> {
        match u8::try_from(value) {
            Ok(small @ 1..=10) => Ok(Self(small)),
            _ => Err(Broken::new(format!("must be a whole number from 1 to 10, not {value}"))),
        }
    }

    /// Returns the number, 1 to 10.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Returns its index in a histogram, 0 to 9.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize - 1
    }
}

/// One user's rating of one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rating {
    /// The rated record.
    #[serde(flatten)]
    pub record: Record,
    /// The user.
    pub user_id: UserId,
    /// The value.
    pub value: Value,
    /// The source of the rating, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<ProviderId>,
    /// The time given by the caller, otherwise the arrival time of the call or event.
    pub rated_at: Timestamp,
}

/// A put or delete of a rating, received from a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RatingEvent {
    /// Stores the rating, replacing the user's previous one.
    Put(Rating),
    /// Deletes the user's rating.
    Delete {
        /// The rated record.
        record: Record,
        /// The user.
        user_id: UserId,
    },
}

impl RatingEvent {
    /// Returns the rated record.
    #[must_use]
    pub const fn record(&self) -> &Record {
        match self {
            Self::Put(rating) => &rating.record,
            Self::Delete { record, .. } => record,
        }
    }
}

/// The minimum number of ratings of a record in a top list: at least 1, by default 10.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinCount(u64);

impl MinCount {
    /// Validates a count.
    pub fn new(count: i64) -> Result<Self, Broken> {
        match u64::try_from(count) {
            Ok(count @ 1..) => Ok(Self(count)),
            _ => Err(Broken::new(format!("must be a whole number of at least 1, not {count}"))),
        }
    }

    /// Returns the number of ratings.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl Default for MinCount {
    fn default() -> Self {
        Self(10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_is_1_to_10() {
        assert_eq!(Value::new(1).unwrap().index(), 0);
        assert_eq!(Value::new(10).unwrap().index(), 9);
        for bad in [0, 11, -1, 257, i64::MAX, i64::MIN] {
            assert!(Value::new(bad).is_err(), "{bad}");
        }
    }
}
