//! The domain types. A value of one of these types is valid: it can only be constructed, not
//! deserialized.

mod aggregate;
mod metadata;
mod movie;
mod name;
pub mod page;
mod rating;
pub mod search;
mod time;

pub use aggregate::{Aggregate, Histogram, Prior};
pub use metadata::{Genres, Metadata, ReleaseYear, Text, Title};
pub use movie::{MovieDetails, Part};
pub use name::{ProviderId, Record, RecordId, RecordType, UserId};
pub use rating::{MinCount, Rating, RatingEvent, Value};
pub use time::Timestamp;

use std::fmt;

/// The maximum number of ids or rows in a batch.
pub const MAX_BATCH: usize = 500;

/// A violated rule, as a sentence without a subject (`must be 1 to 10, not 11`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken(String);

impl Broken {
    /// Creates the error from the violated rule.
    pub fn new(rule: impl Into<String>) -> Self {
        Self(rule.into())
    }

    /// Adds the invalid field, as the caller's protocol spells it.
    pub fn at(self, field: impl Into<String>) -> fault::Invalid {
        fault::Invalid::field(field, self.0)
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Broken {}

/// Checks the size of a batch against [`MAX_BATCH`].
pub fn check_batch(len: usize) -> Result<(), Broken> {
    if len > MAX_BATCH {
        return Err(Broken::new(format!("holds {len} entries, at most {MAX_BATCH} are allowed")));
    }
    Ok(())
}

/// Checks the rules common to all text: a length of `min..=max` bytes and no character of
/// Unicode's category Cc.
fn check_text(text: &str, min: usize, max: usize) -> Result<(), Broken> {
    if text.is_empty() && min > 0 {
        return Err(Broken::new("must not be empty"));
    }
    if text.len() > max {
        return Err(Broken::new(format!("must be at most {max} bytes long, not {}", text.len())));
    }
    if let Some(found) = text.chars().find(|c| c.is_control()) {
        return Err(Broken::new(format!("must not contain control characters (U+{:04X})", u32::from(found))));
    }
    Ok(())
}
