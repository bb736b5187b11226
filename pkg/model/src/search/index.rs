//! The words under which a title is found.

use super::words;

/// The words under which a title is found, folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    own: Vec<String>,
    joined: Vec<String>,
    inner: Vec<String>,
}

impl Index {
    /// Indexes `title`.
    #[must_use]
    pub fn of(title: &str) -> Self {
        Self { own: words(title), joined: Vec::new(), inner: Vec::new() }
    }

    /// Returns the title's own words, in its order. Only these are counted.
    #[must_use]
    pub fn own(&self) -> &[String] {
        &self.own
    }

    /// Returns the words that arise when punctuation is left out (`spiderman` for `Spider-Man`).
    #[must_use]
    pub fn joined(&self) -> &[String] {
        &self.joined
    }

    /// Returns what begins inside the words of scripts without blanks. Terms match it, but never as a
    /// whole word.
    #[must_use]
    pub fn inner(&self) -> &[String] {
        &self.inner
    }

    /// Returns the words that count as whole words of the title.
    pub(super) fn whole(&self) -> impl Iterator<Item = &String> {
        self.own.iter().chain(&self.joined)
    }

    /// Returns all words under which the title is found.
    pub(super) fn all(&self) -> impl Iterator<Item = &String> {
        self.whole().chain(&self.inner)
    }
}
