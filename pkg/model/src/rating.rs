//! One user's rating of one record.

use crate::{Broken, ProviderId, Record, Timestamp, UserId};
use serde::Serialize;

/// A rating's value: a whole number, 1 (worst) to 10 (best).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Value(u8);

impl Value {
    /// How many values there are.
    pub const COUNT: usize = 10;

    /// Holds `value` against the range.
    pub fn new(value: i64) -> Result<Self, Broken> {
        match u8::try_from(value) {
            Ok(small @ 1..=10) => Ok(Self(small)),
            _ => Err(Broken::new(format!("must be a whole number from 1 to 10, not {value}"))),
        }
    }

    /// The number, 1 to 10.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Its place in a histogram, 0 to 9.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize - 1
    }
}

/// One user's rating of one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rating {
    /// What was rated.
    #[serde(flatten)]
    pub record: Record,
    /// Who rated it.
    pub user_id: UserId,
    /// How.
    pub value: Value,
    /// Where the rating came from, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<ProviderId>,
    /// When the user rated, as the caller said, else when the call or event arrived.
    pub rated_at: Timestamp,
}

/// A rating put or deleted, as it arrives from a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RatingEvent {
    /// Stores the rating, replacing the user's former one.
    Put(Rating),
    /// Deletes the user's rating.
    Delete {
        /// What was rated.
        record: Record,
        /// Who rated it.
        user_id: UserId,
    },
}

impl RatingEvent {
    /// What is rated.
    #[must_use]
    pub const fn record(&self) -> &Record {
        match self {
            Self::Put(rating) => &rating.record,
            Self::Delete { record, .. } => record,
        }
    }
}

/// How many ratings a record of a top list has at least: 1 or more, 10 where the caller does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinCount(u64);

impl MinCount {
    /// Holds `count` against the range.
    pub fn new(count: i64) -> Result<Self, Broken> {
        match u64::try_from(count) {
            Ok(count @ 1..) => Ok(Self(count)),
            _ => Err(Broken::new(format!("must be a whole number of at least 1, not {count}"))),
        }
    }

    /// The number of ratings.
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
    fn a_value_is_1_to_10() {
        assert_eq!(Value::new(1).unwrap().index(), 0);
        assert_eq!(Value::new(10).unwrap().index(), 9);
        for bad in [0, 11, -1, 257, i64::MAX, i64::MIN] {
            assert!(Value::new(bad).is_err(), "{bad}");
        }
    }
}
