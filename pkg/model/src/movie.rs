//! A movie as shown to the public: metadata with aggregated ratings.

use crate::{Aggregate, Metadata};

/// A part of a movie that comes from another service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The aggregated ratings.
    Rating,
}

impl Part {
    /// Returns the part's name in a response's `partial`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rating => "rating",
        }
    }
}

/// A movie's metadata with the aggregate of its ratings.
#[derive(Clone, Debug, PartialEq)]
pub struct MovieDetails {
    /// The movie's metadata.
    pub metadata: Metadata,
    /// The aggregate of its ratings; `None` if there are none or they could not be fetched.
    pub rating: Option<Aggregate>,
    /// The parts that could not be fetched; empty if the movie is complete.
    pub partial: Vec<Part>,
}
