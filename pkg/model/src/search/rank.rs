//! The order of matches.

use serde::{Deserialize, Serialize};
use std::cmp::Reverse;

/// A match's position in the order: more whole words first, then fewer words in the title, then
/// the smaller id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rank(Reverse<u64>, u64, String);

impl Rank {
    /// Creates the rank of a title with `words` words, `whole` of which are matched as whole words.
    #[must_use]
    pub const fn new(whole: u64, words: u64, id: String) -> Self {
        Self(Reverse(whole), words, id)
    }

    /// Returns the number of query words that match whole words of the title.
    #[must_use]
    pub const fn whole(&self) -> u64 {
        self.0.0
    }

    /// Returns the number of words in the title.
    #[must_use]
    pub const fn words(&self) -> u64 {
        self.1
    }

    /// Returns the movie's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.2
    }
}
