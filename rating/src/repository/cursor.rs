//! Pages of lists, and the positions from which the next page continues.

use model::{Aggregate, Rating, RecordType, UserId};
use serde::{Deserialize, Serialize};
use std::cmp::{Ordering, Reverse};

/// A position in the list of a user's ratings: newest first, then by record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AfterRating {
    /// The time of the rating, in milliseconds since 1970.
    pub rated_at: i64,
    /// The record's type.
    pub record_type: String,
    /// The record's id.
    pub record_id: String,
}

/// A position in the list of the top rated records of a type: greatest weighted mean first, then by id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AfterTop {
    /// The bits of the weighted mean: a number may lose its last bit in a page token.
    bits: u64,
    /// The record's id.
    pub record_id: String,
}

/// Selects a page of a user's ratings.
#[derive(Clone, Copy, Debug)]
pub struct UserRatings<'a> {
    /// The user.
    pub user: &'a UserId,
    /// The type of the rated records; `None` for all.
    pub record_type: Option<&'a RecordType>,
    /// The position before the page; `None` for the first page.
    pub after: Option<&'a AfterRating>,
    /// The maximum number of ratings.
    pub limit: usize,
}

/// Selects a page of the top rated records.
#[derive(Clone, Copy, Debug)]
pub struct TopRated<'a> {
    /// The type of the records.
    pub record_type: &'a RecordType,
    /// The minimum number of ratings.
    pub min_count: u64,
    /// The position before the page; `None` for the first page.
    pub after: Option<&'a AfterTop>,
    /// The maximum number of records.
    pub limit: usize,
}

impl AfterRating {
    /// The position before every rating.
    pub(super) const fn start() -> Self {
        Self { rated_at: i64::MAX, record_type: String::new(), record_id: String::new() }
    }

    fn order(&self) -> (Reverse<i64>, &str, &str) {
        (Reverse(self.rated_at), &self.record_type, &self.record_id)
    }

    /// Returns the position of `rating`.
    #[must_use]
    pub fn of(rating: &Rating) -> Self {
        Self {
            rated_at: rating.rated_at.as_millis(),
            record_type: rating.record.record_type.as_str().into(),
            record_id: rating.record.record_id.as_str().into(),
        }
    }
}

impl UserRatings<'_> {
    /// Sorts `ratings` of the user and returns those of the page.
    pub(super) fn page(&self, mut ratings: Vec<Rating>) -> Vec<Rating> {
        ratings.retain(|rating| {
            self.record_type.is_none_or(|wanted| rating.record.record_type == *wanted)
                && self.after.is_none_or(|after| AfterRating::of(rating).order() > after.order())
        });
        ratings.sort_by_cached_key(|rating| (Reverse(rating.rated_at), rating.record.clone()));
        ratings.truncate(self.limit);
        ratings
    }
}

impl AfterTop {
    /// The position before every record.
    pub(super) const fn start() -> Self {
        Self { bits: f64::MAX.to_bits(), record_id: String::new() }
    }

    /// Returns the position of `aggregate`.
    #[must_use]
    pub fn of(aggregate: &Aggregate) -> Self {
        Self {
            bits: aggregate.weighted_mean.to_bits(),
            record_id: aggregate.record.record_id.as_str().into(),
        }
    }

    /// Returns the weighted mean.
    #[must_use]
    pub const fn weighted_mean(&self) -> f64 {
        f64::from_bits(self.bits)
    }

    /// Compares two positions.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let by_mean = other.weighted_mean().total_cmp(&self.weighted_mean());
        by_mean.then_with(|| self.record_id.cmp(&other.record_id))
    }
}
